/** A page that is hidden and comes back: who sends meanwhile, and afterwards. */
import { randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
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

const setHidden = (page: Page, hidden: boolean) =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, hidden);

describe.each(['isolated', 'plain'] as const)('on a page that is %s', (kind) => {
  it('the recorder worker sends again, also when spans end while the answer to the last words is awaited', async () => {
    const { page } = await openPage(browser, pages, { kind, edge: collector.url });
    await recordSpans(page, 1);
    await page.evaluate(() => sdk.flush());
    collector.fault = { delayMs: 500 };
    await recordSpans(page, 10);
    await setHidden(page, true);
    await setHidden(page, false);
    const meanwhile = await recordSpans(page, 10);
    await page.evaluate(() => sdk.flush());
    expect((await collector.ended(meanwhile, 10)).size).toBe(10);
    collector.fault = null;
    await page.waitForFunction(() => sdk.stats().accepted === 21);
    const traceId = await recordSpans(page, 100);
    await page.evaluate(() => sdk.flush());
    await collector.ended(traceId, 100);
    // Only the worker deflates.
    const batch = collector.batches.find(({ spans }) => spans.some((span) => formatHex(span.traceId) === traceId))!;
    expect(batch.deflated).toBe(true);
    expect(await page.evaluate(() => sdk.stats())).toMatchObject({ recorded: 121, accepted: 121, saved: 0 });
    await page.close();
  });
});

it('counts what the edge refuses of the last words', async () => {
  const { page } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
  await recordSpans(page, 1);
  await page.evaluate(() => sdk.flush());
  collector.fault = { status: 200, body: '{"rejected":2}' };
  await recordSpans(page, 10);
  await setHidden(page, true);
  await page.waitForFunction(() => sdk.stats().rejected === 2);
  expect(await page.evaluate(() => sdk.stats().accepted)).toBe(9);
  await page.close();
});

it('leaves an edge alone that asks for it, and keeps what ends meanwhile', async () => {
  const { page } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
  await recordSpans(page, 1);
  await page.evaluate(() => sdk.flush());
  let asked = 0;
  await page.route('**/v1/batch*', (route) => {
    asked++;
    const headers = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'retry-after' };
    return route.fulfill({ status: 429, headers: { ...headers, 'retry-after': '60' } });
  });
  await recordSpans(page, 10);
  await setHidden(page, true);
  await page.waitForFunction(() => sdk.stats().saved === 10);
  for (let i = 2; i <= 4; i++) {
    await recordSpans(page, 10);
    await page.evaluate(() => sdk.flush());
    expect(await page.evaluate(() => sdk.stats().saved)).toBe(10 * i);
  }
  expect(asked).toBe(1);
  await page.close();
});

it('a worker that shares memory with a hidden page goes on, and loses nothing when it waits', async () => {
  const { page, errors } = await openPage(browser, pages, { kind: 'isolated', edge: collector.url });
  const traceId = randomBytes(16).toString('hex');
  await setHidden(page, true);
  const script = `
    import { attachProducer } from '${collector.url}/sdk/producer.js';
    const { tracer, flush, stats } = await attachProducer();
    const parent = { traceId: '${traceId}', spanId: '00000000000000ff', flags: 1 };
    const record = async () => {
      for (let i = 0; i < 10000; i++) {
        await tracer.ready();
        tracer.startSpan('step ' + i, { parent }).end();
      }
      await flush();
      postMessage({ report: stats() });
    };
    addEventListener('message', ({ data }) => data === 'go' && record());
    postMessage({ report: 'ready' });`;
  await page.evaluate(
    (script) =>
      new Promise<void>((resolve) => {
        const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), {
          type: 'module',
        });
        Object.assign(globalThis, { worker });
        worker.addEventListener('message', ({ data }) => data.report && resolve());
        sdk.attachProducer(worker);
      }),
    script,
  );
  await setHidden(page, true);
  const report = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const { worker } = globalThis as unknown as { worker: Worker };
        worker.addEventListener('message', ({ data }) => data.report && resolve(data.report));
        worker.postMessage('go');
      }),
  );
  expect(report).toMatchObject({ recorded: 10_000, accepted: 10_000, ring_full: 0 });
  expect((await collector.ended(traceId, 10_000)).size).toBe(10_000);
  expect(errors).toEqual([]);
  await page.close();
});
