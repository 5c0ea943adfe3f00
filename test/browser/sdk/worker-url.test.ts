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
  pages = createServer(async ({ url }, response) => {
    if (url === '/own/recorder.js') {
      response.writeHead(200, { 'content-type': 'text/javascript', 'content-security-policy': csp });
      response.end(await readFile(join(ROOT, 'dist/site/sdk/recorder.js')));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': csp });
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
  ['own/recorder.js', 'copied'],
  // From the edge it would have to be a `blob:`.
  [undefined, 'page'],
])('with workerUrl %s the mode is %s', async (workerUrl, mode) => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
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
