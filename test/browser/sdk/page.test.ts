import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import type { SpanData } from '../../../model/span-data.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
import { openPage, recordSpans, type SdkPageOptions } from '../../kit/sdk-page.ts';

let browser: Browser;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

const open = (init: SdkPageOptions['init'] = {}) =>
  openPage(browser, pages, { kind: 'plain', edge: collector.url, init });
const attributesOf = (span: SpanData) => Object.fromEntries(span.attributes);

describe('fetch', () => {
  it('is a client span with its status, and carries traceparent where that is allowed', async () => {
    const other = collector.url;
    const { page } = await open();
    const { traceId, seen } = await page.evaluate(async () => {
      const root = sdk.tracer.startSpan('load', { parent: null });
      const answer = await sdk.tracer.withSpan('inner', { parent: root }, () => fetch('/api?status=200&secret=1'));
      root.end();
      return { traceId: root.context.traceId, seen: (await answer.json()).traceparent as string };
    });
    const spans = [...(await collector.ended(traceId, 3)).values()];
    const span = spans.find((span) => span.name === 'GET')!;
    expect(seen).toBe(`00-${traceId}-${formatHex(span.spanId)}-03`);
    expect([span.kind, span.statusCode, span.scope]).toEqual([3, 0, 'tailrace/fetch']);
    expect(attributesOf(span)).toEqual({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'url.full': expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/api$/),
      'url.path': '/api',
    });
    expect(formatHex(span.parentSpanId!)).toBe(formatHex(spans.find((span) => span.name === 'inner')!.spanId));
    // Another origin that was not allowed: a header would make a preflight, which is not answered, so it would fail.
    expect(await page.evaluate((url) => fetch(`${url}/sdk/tailrace.js`).then((r) => r.status), other)).toBe(200);
    await page.close();
  });

  it('tells failures apart: answers of 400 and more, and no answer', async () => {
    const { page } = await open();
    const traceId = await page.evaluate(async () => {
      const root = sdk.tracer.startSpan('load', { parent: null });
      const run = (url: string) => sdk.tracer.withSpan('inner', { parent: root }, () => fetch(url).catch(() => null));
      await run('/api?status=404');
      await run('/api?status=503');
      await run('http://127.0.0.1:1/');
      root.end();
      return root.context.traceId;
    });
    const spans = [...(await collector.ended(traceId, 7)).values()].filter((span) => span.kind === 3);
    const results = spans.map((span) => [span.statusCode, attributesOf(span)['error.type']]);
    expect(results).toEqual(
      expect.arrayContaining([
        [2, '404'],
        [2, '503'],
        [2, 'TypeError'],
      ]),
    );
    await page.close();
  });

  it('behaves as before: Request objects, headers, bodies, wrong arguments', async () => {
    const { page } = await open({ propagateTo: [/^http:\/\/127/] });
    const results = await page.evaluate(async () => {
      const own = await fetch(new Request('/api', { headers: { traceparent: 'mine' } })).then((r) => r.json());
      const post = await fetch('/api', { method: 'post', body: 'x', headers: [['x-a', '1']] }).then((r) => r.json());
      const wrong = await fetch('http://[').catch((error: Error) => error.name);
      const bad = await fetch('/api', { headers: { 'ä b': '1' } }).catch((error: Error) => error.name);
      return { own: own.traceparent, post: typeof post.traceparent, wrong, bad };
    });
    expect(results).toEqual({ own: 'mine', post: 'string', wrong: 'TypeError', bad: 'TypeError' });
    await page.close();
  });

  it('is given back by shutdown, which sends what there is', async () => {
    const { page } = await open();
    const traceId = await recordSpans(page, 3);
    const result = await page.evaluate(async () => {
      const patched = fetch;
      await sdk.shutdown();
      sdk.tracer.startSpan('after').end();
      return { restored: fetch !== patched && String(fetch).includes('[native code]'), mode: sdk.mode, ...sdk.stats() };
    });
    expect(result).toMatchObject({ restored: true, mode: 'off', recorded: 3, accepted: 3 });
    expect((await collector.ended(traceId, 3)).size).toBe(3);
    await page.close();
  });
});

describe('the page', () => {
  it('records its load: the document and its resources, with real times', async () => {
    const { page } = await open({ instrument: {} });
    const root = await collector.span((span) => span.name === 'documentLoad');
    const spans = [...(await collector.ended(formatHex(root.traceId), 3)).values()];
    expect(root.parentSpanId).toBeNull();
    const document = spans.find((span) => span.name === 'documentFetch')!;
    const script = spans.find((span) => String(attributesOf(span)['url.full']).endsWith('/sdk/tailrace.js'))!;
    for (const child of [document, script]) {
      expect(formatHex(child.parentSpanId!)).toBe(formatHex(root.spanId));
      expect(child.startUs).toBeGreaterThanOrEqual(root.startUs);
      expect(child.endUs!).toBeLessThanOrEqual(root.endUs! + 1);
    }
    expect(root.events.map((event) => event.name)).toEqual(['firstByte', 'domInteractive', 'domContentLoaded']);
    await page.close();
  });

  it('records a click with what it started, even where the event is stopped', async () => {
    const { page } = await open();
    await page.evaluate(() => {
      const button = document.querySelector('button')!;
      button.addEventListener('click', (event) => {
        event.stopPropagation();
        void fetch('/api?first');
        void fetch('/api?second');
      });
    });
    await page.click('button');
    const click = await collector.span((span) => span.name === 'click Buy');
    const spans = [...(await collector.ended(formatHex(click.traceId), 3)).values()];
    const fetches = spans.filter((span) => span.name === 'GET');
    expect(fetches.map((span) => formatHex(span.parentSpanId!))).toEqual([1, 2].map(() => formatHex(click.spanId)));
    expect(click.endUs!).toBeGreaterThanOrEqual(Math.max(...fetches.map((span) => span.endUs!)));
    expect(await page.evaluate(() => sdk.tracer.current())).toBeNull();
    await page.close();
  });

  it('sends spans that are open after 5 s, and once more when they end', async () => {
    const { page } = await open();
    const traceId = await page.evaluate(() => {
      const span = sdk.tracer.startSpan('long', { parent: null });
      Object.assign(globalThis, { long: span });
      return span.context.traceId;
    });
    const isIt = (span: SpanData) => formatHex(span.traceId) === traceId;
    const before = await collector.span((span) => isIt(span) && span.endUs === null);
    await page.evaluate(() => (globalThis as unknown as { long: { end(): void } }).long.end());
    const after = (await collector.ended(traceId, 1)).get(formatHex(before.spanId))!;
    expect(after.startUs).toBe(before.startUs);
    expect(collector.batches.flatMap((batch) => batch.spans).filter(isIt)).toHaveLength(2);
    await page.close();
  });

  it('sends when it is hidden, goes on in the background, and gives the role back when it is shown', async () => {
    const { page } = await open();
    const first = await recordSpans(page, 1);
    await collector.ended(first, 1);
    const setHidden = (isHidden: boolean) =>
      page.evaluate((isHidden) => {
        Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
      }, isHidden);
    const open5 = await page.evaluate(() => {
      const span = sdk.tracer.startSpan('open', { parent: null });
      return span.context.traceId;
    });
    await setHidden(true);
    await collector.span((span) => formatHex(span.traceId) === open5);
    for (const count of [2, 3]) expect((await collector.ended(await recordSpans(page, count), count)).size).toBe(count);
    await setHidden(false);
    expect((await collector.ended(await recordSpans(page, 4), 4)).size).toBe(4);
    // Of the open one, an open version too.
    await page.waitForFunction(() => sdk.stats().accepted === 11);
    expect(await page.evaluate(() => sdk.stats().recorded)).toBe(10);
    await page.close();
  });

  it.each([
    ['endpoint', { endpoint: 'nowhere' }, 'endpoint must be an http(s) URL'],
    ['serviceName', { serviceName: '' }, 'serviceName must be a text'],
  ])('is left alone when %s is wrong, and told why once', async (_, init, fault) => {
    const { page, warnings, errors } = await open(init);
    const result = await page.evaluate(() => ({
      mode: sdk.mode,
      native: String(fetch).includes('[native code]'),
      sum: sdk.tracer.withSpan('x', () => 1 + 2),
      recorded: sdk.stats().recorded,
    }));
    expect(result).toEqual({ mode: 'off', native: true, sum: 3, recorded: 0 });
    const told = warnings.map((text) => text.replace('tailrace: ', ''));
    expect(told).toEqual([fault]);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('says who it is, but for what has no value', async () => {
    const resource = { 'service.version': '2', tiers: ['a', 'b'], none: null as never, odd: { a: 1 } as never };
    const { page } = await open({ resource });
    await collector.ended(await recordSpans(page, 1), 1);
    const told = Object.fromEntries(collector.batches.at(-1)!.resource);
    expect(told).toMatchObject({ 'service.version': '2', tiers: ['a', 'b'], odd: '[object Object]' });
    expect(told['service.instance.id']).toMatch(/^[0-9a-f]{16}$/);
    expect(told).not.toHaveProperty('none');
    await page.close();
  });

  it('is not harmed by what user code may give', async () => {
    const { page, errors } = await open();
    const traceId = await page.evaluate(() => {
      const anything = (value: unknown) => value as never;
      const root = sdk.tracer.startSpan('fine', { parent: null });
      const throwing = {
        toString() {
          throw new Error('no');
        },
      };
      for (const value of [null, {}, Symbol('s'), () => 1, [1, 'a'], [null], Number.NaN, 10n, throwing]) {
        const span = sdk.tracer.startSpan('odd', { parent: root });
        try {
          span.setAttribute('odd', anything(value)).addEvent('e', { odd: anything(value) });
        } catch {
          sdk.tracer.startSpan('threw', { parent: root }).end();
        }
        span.end(anything(value));
      }
      root.end();
      return root.context.traceId;
    });
    const spans = [...(await collector.ended(traceId, 1)).values()];
    expect(spans.map((span) => span.name)).toContain('fine');
    await page.evaluate(() => sdk.flush());
    const stats = await page.evaluate(() => sdk.stats());
    expect(stats.accepted + stats.encode_failed).toBe(stats.recorded);
    expect([...(await collector.ended(traceId, 1)).values()].filter((span) => span.name === 'threw')).toEqual([]);
    expect(errors).toEqual([]);
    await page.close();
  });
});
