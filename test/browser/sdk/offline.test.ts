import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, type TestContext } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { copies } from '../../kit/leaving.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';
import { recordSpans } from '../../kit/sdk-page.ts';

let browser: Browser;
let pages: Pages;

beforeAll(async () => {
  [browser, pages] = await Promise.all([launchChromium(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), pages?.close()]);
});

/** Somebody with an edge of their own, whose tabs share their storage. */
interface User {
  readonly collector: Collector;
  readonly context: BrowserContext;
  visit(kind: PageKind, script?: string): Promise<Page>;
  /** How often each ended span of the trace has come. */
  copies(traceId: string): number[];
}

async function newUser({ onTestFinished }: TestContext): Promise<User> {
  const [collector, context] = await Promise.all([startCollector(), browser.newContext()]);
  onTestFinished(async () => {
    await Promise.all([context.close(), collector.close()]);
  });
  return {
    collector,
    context,
    async visit(kind, script = '') {
      const page = await context.newPage();
      if (script) await page.addInitScript(script);
      await page.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
      await page.evaluate((endpoint) => {
        globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint, instrument: { documentLoad: false } });
      }, collector.url);
      await recordSpans(page, 1);
      await page.evaluate(() => sdk.flush());
      return page;
    },
    copies: (traceId) => copies(collector, traceId),
  };
}

it.concurrent.for(Object.keys(PAGE_KINDS) as PageKind[])(
  'stores while the browser is offline, and sends each span once when it is online: a page that is %s',
  async (kind, test) => {
    const { collector, context, copies, visit } = await newUser(test);
    const page = await visit(kind);
    await context.setOffline(true);
    const first = await recordSpans(page, 1_500);
    const second = await recordSpans(page, 1_500);
    await page.evaluate(() => sdk.flush());
    await page.waitForFunction(() => sdk.stats().saved >= 3_000, null, { timeout: 15_000 });
    await context.setOffline(false);
    expect((await collector.ended(first, 1_500)).size).toBe(1_500);
    expect((await collector.ended(second, 1_500)).size).toBe(1_500);
    await page.waitForFunction(() => sdk.stats().accepted >= 3_001);
    expect(new Set([...copies(first), ...copies(second)])).toEqual(new Set([1]));
    const { recorded, saved, exit_budget, ring_full } = await page.evaluate(() => sdk.stats());
    expect({ recorded, saved, exit_budget, ring_full }).toEqual({
      recorded: 3_001,
      saved: 3_000,
      exit_budget: 0,
      ring_full: 0,
    });
    // The edge is told.
    await recordSpans(page, 1);
    await page.evaluate(() => sdk.flush());
    const told = collector.batches.reduce((sum, { counts }) => sum + (counts.saved ?? 0), 0);
    expect(told).toBeGreaterThanOrEqual(3_000);
  },
);

it.concurrent.for([
  ['429', { status: 429 }],
  ['500', { status: 500 }],
  ['garbage', { status: 200, body: '<html>Sign in</html>' }],
  ['an answer that does not end', { cut: true }],
  ['nothing', null],
] as const)('delivers everything once the edge has stopped answering with %s', async ([, fault], test) => {
  const { collector, copies, visit } = await newUser(test);
  const page = await visit('plain');
  collector.fault = fault;
  collector.away = fault === null;
  const traceId = await recordSpans(page, 500);
  await page.waitForFunction(() => sdk.stats().retried > 0);
  collector.fault = null;
  collector.away = false;
  expect((await collector.ended(traceId, 500)).size).toBe(500);
  // What had come before its answer was lost may come again, and is merged at the edge.
  if (!fault || 'status' in fault) expect(new Set(copies(traceId))).toEqual(new Set([1]));
});

const WITHOUT_LOCKS = `Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });`;

it.concurrent.for([
  ['Web Locks', ''],
  ['a lease', WITHOUT_LOCKS],
] as const)('sends what several tabs have stored once, with %s', async ([, script], test) => {
  const { collector, context, copies, visit } = await newUser(test);
  const tabs = [await visit('plain', script), await visit('plain', script), await visit('plain', script)];
  await context.setOffline(true);
  const traceIds: string[] = [];
  for (const tab of tabs) {
    traceIds.push(await recordSpans(tab, 800));
    await tab.evaluate(() => sdk.flush());
  }
  for (const tab of tabs) await tab.waitForFunction(() => sdk.stats().saved >= 800, null, { timeout: 15_000 });
  // All hear of it at the same moment.
  await context.setOffline(false);
  for (const traceId of traceIds) {
    expect((await collector.ended(traceId, 800)).size).toBe(800);
    expect(new Set(copies(traceId))).toEqual(new Set([1]));
  }
});

it.concurrent('gives up the oldest beyond 4 MiB, roots and errors last', async (test) => {
  const { collector, context, visit } = await newUser(test);
  const page = await visit('plain');
  await context.setOffline(true);
  // What earlier visits have left: 5 MiB, with roots and errors the oldest.
  const url = `${collector.url}/v1/batch?key=`;
  await page.evaluate(
    (url) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('tailrace');
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('batches', 'readwrite');
          for (let i = 0; i < 20; i++) {
            const bytes = new Uint8Array(256 * 1024).fill(i);
            transaction
              .objectStore('batches')
              .add({ url: `${url}other`, bytes, size: bytes.length, spanCount: 100, rank: i < 10 ? 1 : 0 });
          }
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
          transaction.onerror = () => reject(transaction.error);
        };
      }),
    url,
  );
  await recordSpans(page, 1);
  await page.waitForFunction(() => sdk.stats().saved > 0, null, { timeout: 15_000 });
  await context.setOffline(false);
  await page.waitForFunction(() => sdk.stats().offline_cap > 0);
  const left = await page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const opening = indexedDB.open('tailrace');
        opening.onsuccess = () => {
          const all = opening.result.transaction('batches').objectStore('batches').getAll();
          all.onsuccess = () =>
            resolve(all.result.filter(({ size }) => size === 256 * 1024).map(({ bytes }) => bytes[0]));
        };
      }),
  );
  // The own small ones count too: 15 of 256 KiB fit beside them.
  expect(left).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19]);
  expect(await page.evaluate(() => sdk.stats().offline_cap)).toBe(500);
});

it.concurrent('delivers all the same where IndexedDB stops answering', async (test) => {
  const { collector, context, visit } = await newUser(test);
  const page = await visit('no-worker');
  await page.evaluate(() => {
    IDBTransaction.prototype.addEventListener = () => {};
    for (const type of ['oncomplete', 'onabort', 'onerror']) {
      Object.defineProperty(IDBTransaction.prototype, type, { set() {} });
    }
  });
  await context.setOffline(true);
  const traceId = await recordSpans(page, 500);
  // After five seconds it is stored, which does not end.
  const asked = page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const { commit } = IDBTransaction.prototype;
        IDBTransaction.prototype.commit = function () {
          resolve();
          return commit.call(this);
        };
      }),
  );
  await asked;
  await context.setOffline(false);
  expect((await collector.ended(traceId, 500)).size).toBe(500);
});

it.concurrent('does not wait for a lease of a clock that was set back since', async (test) => {
  const { collector, context, visit } = await newUser(test);
  const page = await visit('plain', WITHOUT_LOCKS);
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const opening = indexedDB.open('tailrace');
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('lease', 'readwrite');
          transaction.objectStore('lease').put(Date.now() + 10 * 3_600_000, 0);
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
  );
  await context.setOffline(true);
  const traceId = await recordSpans(page, 100);
  await page.waitForFunction(() => sdk.stats().saved >= 100, null, { timeout: 15_000 });
  await context.setOffline(false);
  expect((await collector.ended(traceId, 100)).size).toBe(100);
});
