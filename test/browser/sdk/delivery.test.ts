import { randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tailrace } from '../../../client/api/tailrace.ts';
import { formatHex } from '../../../model/ids.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';

declare global {
  var tailrace: { init(options: unknown): Tailrace; sdk: Tailrace | null };
  var sdk: Tailrace;
}

let browser: Browser;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

async function open(kind: PageKind, options: Record<string, unknown> = {}): Promise<Page> {
  const page = await browser.newPage();
  page.on('pageerror', (error) => expect.unreachable(`the page threw ${error}`));
  await page.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
  await page.evaluate(
    (options) => {
      globalThis.sdk = tailrace.init({ serviceName: 'shop', key: 'k', ...options });
    },
    { endpoint: collector.url, instrument: { documentLoad: false }, ...options },
  );
  return page;
}

/** Records a trace of `count` spans in one go, and leaves for `next` in the same task if there is one. */
async function record(page: Page, count: number, next?: string): Promise<string> {
  const traceId = randomBytes(16).toString('hex');
  await page.evaluate(
    ({ traceId, count, next }) => {
      const context = { traceId, spanId: '00000000000000ff', flags: 1 };
      const root = sdk.tracer.startSpan('checkout', { parent: context });
      for (let i = 1; i < count; i++) {
        sdk.tracer
          .startSpan(`step ${i % 20}`, { parent: root, attributes: { 'app.step': i, 'app.part': `part ${i % 7}` } })
          .end();
      }
      root.end();
      if (next) location.assign(next);
    },
    { traceId, count, next },
  );
  return traceId;
}

describe.each(Object.entries(PAGE_KINDS) as [PageKind, string][])('on a page that is %s', (kind, mode) => {
  it(`sends in mode ${mode} what was recorded, 500 ms after the root ended`, async () => {
    const page = await open(kind);
    const traceId = await record(page, 100);
    const spans = await collector.ended(traceId, 100);
    await page.waitForFunction(() => sdk.stats().accepted >= 100);
    const { recorded, accepted, ...rest } = await page.evaluate(() => sdk.stats());
    expect({ recorded, accepted, others: Object.values(rest).filter(Boolean) }).toEqual({
      recorded: 100,
      accepted: 100,
      others: [],
    });
    expect(await page.evaluate(() => sdk.mode)).toBe(mode);
    const root = [...spans.values()].find((span) => span.name === 'checkout')!;
    const steps = [...spans.values()].filter((span) => span !== root);
    expect(steps.every((span) => formatHex(span.parentSpanId!) === formatHex(root.spanId))).toBe(true);
    expect(steps.map((span) => new Map(span.attributes).get('app.step')).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 99 }, (_, i) => i + 1),
    );
    await page.close();
  });

  it('loses none of 1,000 spans when the page is left at once', async () => {
    const page = await open(kind);
    const traceId = await record(page, 1000, pages.url('plain', ''));
    expect((await collector.ended(traceId, 1000)).size).toBe(1000);
    await page.close();
  });
});
