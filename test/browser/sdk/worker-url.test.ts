/** A page that may run workers of its own origin only, and has the recorder there. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/run.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { recordSpans } from '../../kit/sdk-page.ts';

let browser: Browser;
let collector: Collector;
let pages: Server;

beforeAll(async () => {
  [browser, collector] = await Promise.all([launchChromium(), startCollector()]);
  const csp = `default-src 'none'; script-src 'self' ${collector.url}; worker-src 'self'; connect-src ${collector.url}`;
  const scripts: Record<string, string> = {
    '/own/recorder.js': await readFile(join(ROOT, 'dist/site/sdk/recorder.js'), 'utf8'),
    '/own/without-wait-async.js': `import './no-wait-async.js'; export * from './recorder.js';`,
    '/own/no-wait-async.js': 'delete Atomics.waitAsync;',
  };
  pages = createServer(async ({ url = '/' }, response) => {
    const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    const headers = { 'content-security-policy': csp, ...(url === '/plain' ? {} : isolated) };
    if (scripts[url]) {
      response.writeHead(200, { 'content-type': 'text/javascript', ...headers });
      response.end(scripts[url]);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html', ...headers });
    response.end(`<!doctype html><title>page</title><script src="${collector.url}/sdk/tailrace.js"></script>`);
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  pages?.closeAllConnections();
  pages?.close();
  await Promise.all([browser?.close(), collector?.close()]);
});

it.each([
  ['plain', 'own/recorder.js', 'copied'],
  // From the edge it would have to be a `blob:`.
  ['plain', undefined, 'page'],
  ['isolated', 'own/recorder.js', 'shared'],
  // Then the worker looks from time to time.
  ['isolated', 'own/without-wait-async.js', 'shared'],
])('on a page that is %s, with workerUrl %s, the mode is %s', async (kind, workerUrl, mode) => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/${kind}`);
  await page.evaluate(
    (options) => {
      globalThis.sdk = tailrace.init({ serviceName: 'shop', instrument: { documentLoad: false }, ...options });
    },
    { endpoint: collector.url, workerUrl },
  );
  expect((await collector.ended(await recordSpans(page, 2), 2)).size).toBe(2);
  expect(await page.evaluate(() => sdk.mode)).toBe(mode);
  await page.close();
});
