import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';
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

/** A page that is closed while it goes elsewhere may never be: Chromium does not answer then. */
async function closeWhenLeft(page: Page): Promise<void> {
  await page.waitForURL(pages.url('plain', ''));
  await page.close();
}

const open = (kind: PageKind) => openPage(browser, pages, { kind, edge: collector.url });

describe.each(Object.entries(PAGE_KINDS) as [PageKind, string][])('on a page that is %s', (kind, mode) => {
  it(`sends in mode ${mode} what was recorded, 500 ms after the root ended`, async () => {
    const { page, errors } = await open(kind);
    const traceId = await recordSpans(page, 100);
    const spans = await collector.ended(traceId, 100);
    await page.waitForFunction(() => sdk.stats().accepted >= 100);
    const { recorded, accepted, sent, ...rest } = await page.evaluate(() => sdk.stats());
    expect([recorded, accepted, sent, Object.values(rest).filter(Boolean)]).toEqual([100, 100, 100, []]);
    expect(await page.evaluate(() => sdk.mode)).toBe(mode);
    const root = [...spans.values()].find((span) => span.name === 'checkout')!;
    const steps = [...spans.values()].filter((span) => span !== root);
    expect(formatHex(root.parentSpanId!)).toBe('00000000000000ff');
    expect(steps.every((span) => formatHex(span.parentSpanId!) === formatHex(root.spanId))).toBe(true);
    expect(steps.map((span) => Number(new Map(span.attributes).get('app.step'))).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 99 }, (_, i) => i + 1),
    );
    expect(errors).toEqual([]);
    await page.close();
  });

  it('loses none of 1,000 spans when the page is left at once', async () => {
    const { page } = await open(kind);
    const traceId = await recordSpans(page, 1000, pages.url('plain', ''));
    expect((await collector.ended(traceId, 1000)).size).toBe(1000);
    // In what one exit may send, and by nothing but a beacon.
    const lastWords = collector.batches.filter(({ spans }) =>
      spans.some((span) => formatHex(span.traceId) === traceId),
    );
    expect(lastWords.map(({ goodbye, spans }) => [goodbye, spans.length])).toEqual([[true, 1000]]);
    expect(lastWords[0]!.bytes / 1000).toBeLessThanOrEqual(60);
    await closeWhenLeft(page);
  });

  it('loses nothing to a root that there is no room for when the page is left', async () => {
    const { page } = await open(kind);
    await recordSpans(page, 1);
    await page.evaluate(async () => {
      await sdk.flush();
      const root = sdk.tracer.startSpan('huge', { parent: null });
      for (let i = 0; i < 15; i++) root.setAttribute(`key ${i}`, `${i}`.repeat(4_096));
      // A record may be as large as what leaves at once, and the batch has more than that.
      root.setAttribute('rest', '-'.repeat(3_800)).end();
    });
    const traceId = await recordSpans(page, 300, pages.url('plain', ''));
    expect((await collector.ended(traceId, 300)).size).toBe(300);
    await closeWhenLeft(page);
  });

  it('loses none of 1,000 spans when the tab is closed at once', async () => {
    const { page } = await open(kind);
    const traceId = await recordSpans(page, 1000);
    await page.close({ runBeforeUnload: true });
    expect((await collector.ended(traceId, 1000)).size).toBe(1000);
  });

  it.each([
    ['before its recorder is there', false],
    ['with its recorder', true],
  ])('sends errors and roots first when it is left with more than fits, %s', async (_, hasRecorder) => {
    // Nothing is sent before the page is left.
    const tuning = { ringBytes: 2 ** 20, flushBytes: 2 ** 20, rootEndedMs: 5_000, ageMs: 60_000 };
    const { page } = await openPage(browser, pages, { kind, edge: collector.url, init: { tuning } });
    if (hasRecorder) {
      await recordSpans(page, 1);
      await page.evaluate(() => sdk.flush());
    }
    const traceId = await page.evaluate(
      (next) => {
        const root = sdk.tracer.startSpan('root', { parent: null });
        for (let i = 0; i < 2500; i++)
          sdk.tracer.startSpan('step', { parent: root, attributes: { 'app.step': i } }).end();
        for (let i = 0; i < 3; i++) sdk.tracer.startSpan('failed', { parent: root }).setStatus('error').end();
        root.end();
        location.assign(next);
        return root.context.traceId;
      },
      pages.url('plain', ''),
    );
    await collector.span((span) => formatHex(span.traceId) === traceId);
    const first = collector.batches.find(({ spans }) => spans.some((span) => formatHex(span.traceId) === traceId))!;
    expect(first.bytes).toBeLessThanOrEqual(64 * 1024);
    expect(first.spans.length).toBeLessThan(3504);
    const names = first.spans.map(({ name }) => name);
    expect(names.slice(0, 4).sort()).toEqual(['failed', 'failed', 'failed', 'root']);
    await closeWhenLeft(page);
  });

  it('delivers spans of the whole visit once they are released, through many turns of the ring', async () => {
    const { page } = await open(kind);
    for (let round = 0; round < 8; round++) {
      const traceId = await recordSpans(page, 1500);
      await page.evaluate(() => sdk.flush());
      expect((await collector.ended(traceId, 1500)).size).toBe(1500);
    }
    const stats = await page.evaluate(() => sdk.stats());
    expect([stats.recorded, stats.accepted, stats.ring_full]).toEqual([12_000, 12_000, 0]);
    await page.close();
  });

  it('tries again when the edge is away, and drops what the edge rejects', async () => {
    const { page } = await open(kind);
    collector.failures.push({ status: 503 }, { status: 429, retryAfter: '0' });
    const traceId = await recordSpans(page, 10);
    await collector.ended(traceId, 10);
    collector.failures.push({ status: 400 });
    await recordSpans(page, 5);
    await page.evaluate(() => sdk.flush());
    const stats = await page.evaluate(() => sdk.stats());
    expect([stats.accepted, stats.rejected]).toEqual([10, 5]);
    const last = await recordSpans(page, 1);
    await collector.ended(last, 1);
    expect(collector.batches.at(-1)!.dropped).toEqual({ rejected: 5 });
    await page.close();
  });

  it('drops and counts what does not fit, and keeps errors', async () => {
    const { page } = await open(kind);
    const bad = `bad, ${kind}`;
    await page.evaluate((bad) => {
      const text = 'x'.repeat(4000);
      const huge = sdk.tracer.startSpan('huge');
      for (let i = 0; i < 100; i++) huge.setAttribute(`key ${i}`, text);
      huge.end();
      for (let i = 0; i < 400; i++) sdk.tracer.startSpan('fat', { attributes: { text } }).end();
      for (let i = 0; i < 5; i++) sdk.tracer.startSpan(bad, { attributes: { text } }).setStatus('error').end();
    }, bad);
    await page.evaluate(() => sdk.flush());
    const stats = await page.evaluate(() => sdk.stats());
    expect(stats.recorded).toBe(406);
    expect(stats.span_too_large).toBe(1);
    expect(stats.ring_full).toBeGreaterThan(100);
    expect(stats.accepted + stats.ring_full + stats.span_too_large).toBe(406);
    const kept = collector.batches.flatMap((batch) => batch.spans).filter((span) => span.name === bad);
    expect(kept).toHaveLength(5);
    await page.close();
  });

  it('keeps for the next visit what the exit had no room for', async () => {
    const context = await browser.newContext();
    const visit = async () => {
      const page = await context.newPage();
      await page.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
      await page.evaluate((endpoint) => {
        globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint, instrument: { documentLoad: false } });
      }, collector.url);
      return page;
    };
    const page = await visit();
    // The recorder has to be there to open its database.
    await recordSpans(page, 1);
    await page.evaluate(() => sdk.flush());
    const traceId = await recordSpans(page, 2500, pages.url('plain', ''));
    await page.waitForURL(pages.url('plain', ''));
    const next = await visit();
    await recordSpans(next, 1);
    expect((await collector.ended(traceId, 2500)).size).toBe(2500);
    await context.close();
  });
});

describe('the worker', () => {
  it('deflates what it sends', async () => {
    const { page } = await open('isolated');
    const traceId = await recordSpans(page, 1000);
    await collector.ended(traceId, 1000);
    const batches = collector.batches.filter((batch) =>
      batch.spans.some((span) => formatHex(span.traceId) === traceId),
    );
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0);
    expect(batches.every((batch) => batch.deflated)).toBe(true);
    expect(bytes / 1000).toBeLessThan(30);
    await page.close();
  });
});
