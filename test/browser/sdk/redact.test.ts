import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import type { SpanData } from '../../../model/span-data.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
import { openPage } from '../../kit/sdk-page.ts';

let browser: Browser;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

it('sees every attribute before it leaves the page, open spans included; a span it throws for is lost and counted', async () => {
  const { page, errors } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
  const traceId = await page.evaluate(async (edge) => {
    await sdk.shutdown();
    globalThis.sdk = tailrace.init({
      serviceName: 'shop',
      endpoint: edge,
      instrument: { documentLoad: false },
      redact(key: string, value: unknown) {
        if (key === 'bad') throw new Error('in the hook');
        if (key === 'user.email') return undefined;
        // Nothing that it does is traced.
        void fetch('/api').then(() => fetch('/api'));
        sdk.tracer.startSpan('in the hook').end();
        return typeof value === 'string' ? value.replace(/\d{4,}/g, '****') : value;
      },
    });
    const root = sdk.tracer.startSpan('pay', { parent: null });
    root.setAttributes({ card: 'no 12345678', 'user.email': 'a@b.test', n: 12_345_678, calls: 1 });
    root.addEvent('typed', { text: '99999', ok: true });
    root.addLink({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), flags: 1 }, { 'user.email': 'x', why: '00000' });
    sdk.tracer.startSpan('lost', { parent: root, attributes: { bad: 1 } }).end();
    // It is sent while it is open.
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    return root.context.traceId;
  }, collector.url);
  const span: SpanData = await collector.span(({ name }) => name === 'pay');
  expect(formatHex(span.traceId)).toBe(traceId);
  expect(span.endUs).toBeNull();
  expect(new Map(span.attributes)).toEqual(
    new Map<string, unknown>([
      ['card', 'no ****'],
      ['n', 12_345_678],
      ['calls', 1],
    ]),
  );
  expect(span.events[0]!.attributes).toEqual([
    ['text', '****'],
    ['ok', true],
  ]);
  expect(span.links[0]!.attributes).toEqual([['why', '****']]);
  const stats = await page.evaluate(() => sdk.stats());
  expect(stats.encode_failed).toBe(1);
  expect(collector.batches.flatMap((batch) => batch.spans).filter(({ name }) => name !== 'pay')).toEqual([]);
  expect(errors).toEqual([]);
  await page.close();
});
