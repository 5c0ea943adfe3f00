import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
import { openPage, recordSpans } from '../../kit/sdk-page.ts';

let browser: Browser;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

afterEach(() => {
  collector.failures.splice(0);
});

const script = () => `${collector.url}/sdk/tailrace.js`;

/** How many batches wait in IndexedDB; null when there is no database of ours. */
const stored = (page: Page) =>
  page.evaluate(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name);
    if (!names.includes('tailrace')) return null;
    return new Promise<number>((resolve, reject) => {
      const opening = indexedDB.open('tailrace');
      opening.onerror = reject;
      opening.onsuccess = () => {
        const counting = opening.result.transaction('batches').objectStore('batches').count();
        counting.onsuccess = () => {
          opening.result.close();
          resolve(counting.result);
        };
      };
    });
  });

const seenTraceparent = (page: Page) =>
  page.evaluate(async () => (await (await fetch('/api')).json()).traceparent as string | null);

const hide = (page: Page) =>
  page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  });

it('waits for consent, and forgets everything when it is withdrawn', async () => {
  const { page, errors } = await openPage(browser, pages, {
    kind: 'plain',
    edge: collector.url,
    init: { consent: 'pending', instrument: {} },
  });
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));

  // Pending.
  const before = await page.evaluate(() => {
    const span = sdk.tracer.startSpan('before');
    const inner = sdk.tracer.withSpan('around', () => sdk.tracer.current()!.isRecording);
    Object.assign(globalThis, { before: span });
    return { mode: sdk.mode, stats: sdk.stats(), inner, native: String(fetch).includes('[native code]') };
  });
  await page.click('button');
  expect(before).toMatchObject({ mode: 'off', inner: false, native: true, stats: { recorded: 0, accepted: 0 } });
  expect(await seenTraceparent(page)).toBeNull();
  await recordSpans(page, 10);
  await page.evaluate(() => sdk.flush());
  await hide(page);
  expect([collector.batches, await stored(page)]).toEqual([[], null]);
  expect(requests.filter((url) => url.startsWith(collector.url))).toEqual([]);

  // Granted. What was started before is nobody's parent.
  const traceId = await page.evaluate(async () => {
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
    await sdk.setConsent('granted');
    const { before } = globalThis as unknown as { before: ReturnType<typeof sdk.tracer.startSpan> };
    const span = sdk.tracer.startSpan('after', { parent: before });
    span.end();
    return span.context.traceId;
  });
  const [after] = [...(await collector.ended(traceId, 1)).values()];
  expect(after).toMatchObject({ name: 'after', parentSpanId: null });
  expect(await seenTraceparent(page)).toMatch(/^00-/);
  await page.waitForFunction(() => sdk.stats().accepted === sdk.stats().recorded);

  // Withdrawn while some wait for the next visit and some are in memory.
  for (let i = 0; i < 20; i++) (collector.failures as unknown[]).push({ status: 503 });
  await recordSpans(page, 5);
  await hide(page);
  await page.waitForFunction(() => sdk.stats().saved === 5);
  await recordSpans(page, 3);
  expect(await stored(page)).toBeGreaterThan(0);
  const batches = collector.batches.length;
  await page.evaluate(() => sdk.setConsent('denied'));
  collector.failures.splice(0);
  expect(await stored(page)).toBeNull();
  expect(await seenTraceparent(page)).toBeNull();
  requests.length = 0;
  await recordSpans(page, 4);
  await page.evaluate(() => sdk.flush());
  await hide(page);
  const off = await page.evaluate(() => ({ mode: sdk.mode, native: String(fetch).includes('[native code]') }));
  expect(off).toEqual({ mode: 'off', native: true });
  expect(requests.filter((url) => url.startsWith(collector.url))).toEqual([]);
  expect(collector.batches).toHaveLength(batches);

  // And granted once more.
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
    return sdk.setConsent('granted');
  });
  expect((await collector.ended(await recordSpans(page, 2), 2)).size).toBe(2);
  expect(errors).toEqual([]);
  await page.close();
});

it('that is denied at the next visit deletes what the one before has left', async () => {
  const { page, errors } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
  // The recorder is there, and has heard that it came.
  await collector.ended(await recordSpans(page, 1), 1);
  await page.waitForFunction(() => sdk.stats().accepted === 1);
  for (let i = 0; i < 20; i++) (collector.failures as unknown[]).push({ status: 503 });
  await recordSpans(page, 5);
  await hide(page);
  await page.waitForFunction(() => sdk.stats().saved === 5);
  await page.goto(pages.url('plain', `${collector.url}/sdk/tailrace.js`));
  expect(await stored(page)).toBeGreaterThan(0);
  await page.evaluate(async (endpoint) => {
    const sdk = tailrace.init({ serviceName: 'shop', endpoint, consent: 'pending' });
    await sdk.setConsent('denied');
  }, collector.url);
  expect(await stored(page)).toBeNull();
  collector.failures.splice(0);
  expect(errors).toEqual([]);
  await page.close();
});

it('lets workers record that were given before it', async () => {
  const { page } = await openPage(browser, pages, {
    kind: 'plain',
    edge: collector.url,
    init: { consent: 'pending' },
  });
  const script = `
    import { attachProducer } from '${collector.url}/sdk/producer.js';
    const { tracer, flush } = await attachProducer();
    const span = tracer.startSpan('in a worker', { parent: null });
    span.end();
    await flush();
    postMessage({ traceId: span.context.traceId });`;
  const traceId = await page.evaluate(
    (script) =>
      new Promise<string>((resolve) => {
        const code = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
        const worker = new Worker(code, { type: 'module' });
        worker.addEventListener('message', ({ data }) => data.traceId && resolve(data.traceId));
        sdk.attachProducer(worker);
        void sdk.setConsent('granted');
      }),
    script,
  );
  expect((await collector.ended(traceId, 1)).size).toBe(1);
  await page.close();
});

it.each(['pending', ''])('is what the script tag says: %j', async (consent) => {
  const page = await browser.newPage();
  await page.goto(pages.url('plain', ''));
  await page.evaluate(
    ({ src, consent }) =>
      new Promise((resolve) => {
        const tag = document.createElement('script');
        Object.assign(tag.dataset, { service: 'shop', consent });
        tag.onload = resolve;
        tag.src = src;
        document.head.append(tag);
      }),
    { src: `${collector.url}/sdk/tailrace.js`, consent },
  );
  const modes = await page.evaluate(async () => {
    globalThis.sdk = tailrace.sdk!;
    const before = sdk.mode;
    await sdk.setConsent('granted');
    return [before, sdk.mode];
  });
  expect(modes).toEqual(['off', 'starting']);
  expect((await collector.ended(await recordSpans(page, 2), 2)).size).toBe(2);
  await page.close();
});

it('deletes what waits for the next visit although the recorder cannot be loaded', async () => {
  const page = await browser.newPage();
  await page.route('**/recorder.js', (route) => route.abort());
  await page.goto(pages.url('plain', script()));
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const opening = indexedDB.open('tailrace', 2);
        opening.onupgradeneeded = () => opening.result.createObjectStore('batches', { autoIncrement: true }).add({});
        opening.onsuccess = () => {
          opening.result.close();
          resolve();
        };
      }),
  );
  expect(await stored(page)).toBe(1);
  await page.evaluate(async (endpoint) => {
    await tailrace.init({ serviceName: 'shop', endpoint }).setConsent('denied');
  }, collector.url);
  expect(await stored(page)).toBeNull();
  await page.close();
});
