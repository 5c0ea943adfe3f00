/** What is pending when the SDK is shut down: nobody waits for ever, and nothing leaves after consent was withdrawn. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';
import { openPage, recordSpans } from '../../kit/sdk-page.ts';

let collector: Collector;
let pages: Pages;
let browser: Browser;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterEach(() => {
  collector.fault = null;
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

const script = () => `${collector.url}/sdk/tailrace.js`;

/** A worker of the page's that records a root whenever it is told to, and says what it has counted. */
const startWorker = (page: Page) =>
  page.evaluate(
    (script) =>
      new Promise<void>((resolve) => {
        const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), {
          type: 'module',
        });
        Object.assign(globalThis, { worker });
        worker.addEventListener('message', ({ data }) => data.stats && resolve());
        sdk.attachProducer(worker);
      }),
    `import { attachProducer } from '${collector.url}/sdk/producer.js';
    const { tracer, flush, stats } = await attachProducer();
    onmessage = async ({ data }) => {
      if (data !== 'go') return;
      tracer.startSpan('of a worker', { parent: null }).end();
      await flush();
      postMessage({ stats: stats() });
    };
    postMessage({ stats: stats() });`,
  );

const namesAt = ({ batches }: Collector) => batches.flatMap(({ spans }) => spans.map(({ name }) => name));

/** A page whose globals `change` has changed before the SDK is there. */
async function openChanged(kind: PageKind, change: () => void): Promise<Page> {
  const page = await browser.newPage();
  await page.addInitScript(change);
  await page.goto(pages.url(kind, script()));
  await page.evaluate((endpoint) => {
    globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint, instrument: { documentLoad: false } });
  }, collector.url);
  return page;
}

const tellWorker = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<{ accepted: number }>((resolve) => {
        const { worker } = globalThis as unknown as { worker: Worker };
        worker.addEventListener('message', ({ data }) => data.stats && resolve(data.stats));
        worker.postMessage('go');
      }),
  );

describe.each(Object.keys(PAGE_KINDS) as PageKind[])('on a page that is %s', (kind) => {
  it('whoever waits for room or for a flush goes on after a shutdown', async () => {
    const tuning = { ringBytes: 256 * 128, flushBytes: 8 * 1024, rootEndedMs: 50, ageMs: 1_000 };
    const { page, errors } = await openPage(browser, pages, { kind, edge: collector.url, init: { tuning } });
    await recordSpans(page, 1);
    await page.evaluate(() => sdk.flush());
    collector.fault = { delayMs: 60_000 };
    await recordSpans(page, 150);
    const went = await page.evaluate(async () => {
      const waiting = Promise.all([sdk.tracer.ready(), sdk.flush()]).then(() => 'on');
      await new Promise((resolve) => setTimeout(resolve, 200));
      await sdk.shutdown({ discard: true });
      return Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 5_000, 'not on'))]);
    });
    expect([went, errors]).toEqual(['on', []]);
    await page.close();
  });
});

it('a page lets go of the rings of workers that are no more', async () => {
  const page = await openChanged('isolated', () => {
    const made: WeakRef<SharedArrayBuffer>[] = [];
    globalThis.SharedArrayBuffer = new Proxy(SharedArrayBuffer, {
      construct(target, [length]) {
        const buffer = new target(length);
        made.push(new WeakRef(buffer));
        return buffer;
      },
    });
    Object.assign(globalThis, { countShared: () => made.filter((one) => one.deref()).length });
  });
  const before = namesAt(collector).length;
  for (let i = 0; i < 5; i++) {
    await startWorker(page);
    await tellWorker(page);
    await page.evaluate(() => {
      const holder = globalThis as unknown as { worker: Worker | null };
      holder.worker!.terminate();
      holder.worker = null;
    });
  }
  expect(namesAt(collector).slice(before)).toEqual(Array(5).fill('of a worker'));
  const devtools = await page.context().newCDPSession(page);
  const countShared = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return page.evaluate('countShared()');
  };
  // Its own is what is left.
  await expect.poll(countShared, { timeout: 20_000 }).toBe(1);
  await page.close();
});

it('a page without a recorder worker sends nothing more for its workers after a shutdown', async () => {
  const page = await openChanged('plain', () => {
    globalThis.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        if (options?.name === 'tailrace-recorder') throw new Error('not here');
        super(url, options);
      }
    };
  });
  const before = namesAt(collector).length;
  await startWorker(page);
  expect([await page.evaluate(() => sdk.mode), (await tellWorker(page)).accepted]).toEqual(['page', 1]);
  await page.evaluate(() => sdk.shutdown({ discard: true }));
  expect((await tellWorker(page)).accepted).toBe(1);
  expect(namesAt(collector).slice(before)).toEqual(['of a worker']);
  await page.close();
});
