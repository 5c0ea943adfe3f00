import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, toolEnv } from '../../../scripts/run.ts';
import { launchChromium } from '../../kit/chromium.ts';

/** What the package exports and a browser can load as it is. */
const IN_BROWSERS = ['index', 'context', 'await', 'consent', 'otlp', 'recorder', 'recorder-otlp'];
/** The others need a bundler, or are for Node and Workers. */
const IN_NODE = [...IN_BROWSERS, 'otel', 'vite'];

/** Sets `snapshot()`: every global and every property of the prototypes that could be patched, by identity. */
const SNAPSHOT = `
globalThis.snapshot = () => {
  const ids = snapshot.ids ??= new Map();
  const id = (value) => ids.get(value) ?? (ids.set(value, ids.size), ids.size - 1);
  const roots = { globalThis };
  for (const name of ['EventTarget', 'Promise', 'MessagePort', 'XMLHttpRequest', 'Node', 'Element', 'History']) {
    if (globalThis[name]) roots[name] = globalThis[name].prototype;
  }
  return Object.entries(roots).flatMap(([root, object]) =>
    Reflect.ownKeys(object).map((key) => {
      const { value, get, set } = Object.getOwnPropertyDescriptor(object, key);
      const isOther = typeof value === 'object' || typeof value === 'number';
      return root + '.' + String(key) + [isOther ? typeof value : id(value), id(get), id(set)].join();
    }),
  ).join();
};
let before;
globalThis.isUntouched = () => snapshot() === before;
// To look at it loads Node's own.
void globalThis.fetch;
snapshot();
before = snapshot();
`;

/** What an SDK that has nothing to do does, and whether anything was touched. */
const TRY = `
const { tracer, mode, flush, shutdown, stats } = init({ serviceName: 'x', endpoint: 'https://edge.test' });
const sum = tracer.withSpan('x', (span) => span.setAttribute('a', 1) && 3);
await flush();
const answer = [isUntouched(), mode, sum, stats().recorded].join();
await shutdown();
`;

let browser: Browser;
let server: Server;
let origin: string;

const FILES: Record<string, string> = {
  '/': '<!doctype html><link rel="icon" href="data:,">',
  '/snapshot.js': SNAPSHOT,
  '/all.js': IN_BROWSERS.map((name) => `import '/${name}.js';`).join('\n'),
  '/worker.js': `import './snapshot.js'; import './all.js'; import { init } from '/index.js'; ${TRY} postMessage(answer);`,
  '/shared.js': `import './snapshot.js'; import './all.js'; import { init } from '/index.js';
    onconnect = async ({ ports: [port] }) => { ${TRY} port.postMessage(answer); };`,
  '/service.js': `import './snapshot.js'; import './all.js'; import { init } from '/index.js';
    onmessage = async ({ source }) => { ${TRY} source.postMessage(answer); };`,
};

beforeAll(async () => {
  browser = await launchChromium();
  server = createServer(async ({ url = '/' }, response) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    try {
      const text = FILES[url] ?? (await readFile(join(ROOT, 'dist/sdk', url), 'utf8'));
      response.writeHead(200, { 'content-type': type }).end(text);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

describe('importing the package', () => {
  it.each(['', 'freeze'])('touches nothing in Node, and nothing works there and nothing fails %s', async (how) => {
    const freeze = `for (const name of Reflect.ownKeys(globalThis)) {
      const { value } = Object.getOwnPropertyDescriptor(globalThis, name);
      if (typeof value === 'function') { Object.freeze(value); if (value.prototype) Object.freeze(value.prototype); }
    }
    Object.freeze(globalThis);`;
    const code = `${SNAPSHOT} ${how ? freeze : ''}
      ${IN_NODE.map((name) => `await import('${join(ROOT, 'dist/sdk', `${name}.js`)}');`).join('\n')}
      const { init } = await import('${join(ROOT, 'dist/sdk/index.js')}');
      const { carryContext } = await import('${join(ROOT, 'dist/sdk/context.js')}');
      ${TRY}
      ${how ? 'carryContext()();' : ''}
      console.log(answer, isUntouched());`;
    const run = promisify(execFile);
    const { stdout, stderr } = await run('node', ['--input-type=module', '--eval', code], {
      cwd: ROOT,
      env: toolEnv(),
    });
    expect([stdout.trim(), stderr]).toEqual(['true,off,3,0 true', '']);
  });

  it.each(['dedicated', 'shared', 'service'])('touches nothing in a %s worker', async (kind) => {
    const page = await browser.newPage();
    await page.goto(origin);
    const answer = await page.evaluate(
      (kind) =>
        new Promise((resolve, reject) => {
          const hear = ({ data }: MessageEvent) => resolve(data);
          if (kind === 'dedicated') {
            const worker = new Worker('/worker.js', { type: 'module' });
            worker.onmessage = hear;
            worker.onerror = reject;
          } else if (kind === 'shared') {
            const worker = new SharedWorker('/shared.js', { type: 'module' });
            worker.port.onmessage = hear;
            worker.onerror = reject;
          } else {
            navigator.serviceWorker.onmessage = hear;
            navigator.serviceWorker.startMessages();
            navigator.serviceWorker.register('/service.js', { type: 'module' }).catch(reject);
            navigator.serviceWorker.ready.then(({ active }) => active!.postMessage(''), reject);
          }
        }),
      kind,
    );
    expect(answer).toBe('true,off,3,0');
    await page.close();
  });

  it('touches nothing in a page before init is called', async () => {
    const page = await browser.newPage();
    await page.goto(origin);
    await page.addScriptTag({ url: '/snapshot.js' });
    await page.addScriptTag({ url: '/all.js', type: 'module' });
    const check = () => (globalThis as unknown as { isUntouched(): boolean }).isUntouched();
    expect(await page.evaluate(check)).toBe(true);
    // The check can fail.
    await page.evaluate(() => {
      globalThis.fetch = () => Promise.reject();
    });
    expect(await page.evaluate(check)).toBe(false);
    await page.close();
  });
});
