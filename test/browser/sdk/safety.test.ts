import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
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

const script = () => `${collector.url}/sdk/tailrace.js`;

describe('the SDK in a page', () => {
  it('never traces itself, also where somebody before it traces every request', async () => {
    const page = await browser.newPage();
    await page.goto(pages.url('no-worker', ''));
    await page.evaluate(() => {
      const { fetch } = globalThis;
      globalThis.fetch = (...args) =>
        (globalThis.sdk as typeof sdk | undefined)?.tracer.withSpan('seen by others', () => fetch(...args)) ??
        fetch(...args);
    });
    await page.addScriptTag({ url: script() });
    await page.evaluate((endpoint) => {
      globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint, instrument: { documentLoad: false } });
    }, collector.url);
    const traceId = await recordSpans(page, 1);
    await collector.ended(traceId, 1);
    await page.waitForFunction(() => sdk.stats().accepted === 1);
    await page.evaluate(() => sdk.flush());
    expect(await page.evaluate(() => sdk.stats().recorded)).toBe(1);
    await page.evaluate(() => fetch('/api'));
    expect(await page.evaluate(() => sdk.stats().recorded)).toBe(3);
    await page.close();
  });

  it('takes everything back at shutdown, and steps aside where somebody has wrapped it since', async () => {
    const { page, errors } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
    const result = await page.evaluate(async () => {
      const isNative = (fn: unknown) => String(fn).includes('[native code]');
      const { prototype } = EventTarget;
      const patched = [isNative(fetch), isNative(prototype.addEventListener)];
      const ours = globalThis.fetch;
      let calls = 0;
      globalThis.fetch = (...args) => {
        calls++;
        return ours(...args);
      };
      const button = document.querySelector('button')!;
      let clicks = 0;
      const listener = () => clicks++;
      button.addEventListener('click', listener);
      await sdk.shutdown();
      const recorded = sdk.stats().recorded;
      const answer = await (await fetch('/api')).json();
      button.click();
      button.removeEventListener('click', listener);
      button.click();
      const restored = isNative(prototype.addEventListener);
      return { patched, restored, calls, answer, clicks, more: sdk.stats().recorded - recorded };
    });
    expect(result).toEqual({
      patched: [false, false],
      restored: true,
      calls: 1,
      answer: { traceparent: null },
      clicks: 1,
      more: 0,
    });
    expect(errors).toEqual([]);
    await page.close();
  });

  it('leaves it to fetch to say what is wrong with a call', async () => {
    const { page } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
    const faults = await page.evaluate(() => {
      const wrong = [[], ['http://['], ['/api', { method: 'no method' }]] as unknown as Parameters<typeof fetch>[];
      return Promise.all(wrong.map((args) => fetch(...args).catch((error: Error) => error.name)));
    });
    expect(faults).toEqual(['TypeError', 'TypeError', 'TypeError']);
    await page.close();
  });

  it('leaves listeners as they were: once, capture, objects, removal, twice the same', async () => {
    const { page } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
    const log = await page.evaluate(() => {
      const button = document.querySelector('button')!;
      const log: string[] = [];
      const twice = () => log.push('twice');
      button.addEventListener('click', twice);
      button.addEventListener('click', twice);
      const object = {
        name: 'object',
        handleEvent() {
          log.push(this.name);
        },
      };
      button.addEventListener('click', object);
      button.addEventListener('click', () => log.push('once'), { once: true });
      const captured = () => log.push('captured');
      document.addEventListener('click', captured, true);
      button.addEventListener('click', null as never);
      button.click();
      document.removeEventListener('click', captured);
      button.removeEventListener('click', object);
      button.click();
      document.removeEventListener('click', captured, true);
      button.removeEventListener('click', twice);
      button.click();
      return log;
    });
    expect(log).toEqual(['captured', 'twice', 'object', 'once', 'captured', 'twice']);
    await page.close();
  });

  it('calls a listener once that was there before it and is added again', async () => {
    const page = await browser.newPage();
    await page.goto(pages.url('plain', ''));
    await page.evaluate(() => {
      const count = () => {
        document.body.dataset.clicks = String(Number(document.body.dataset.clicks ?? 0) + 1);
      };
      Object.assign(globalThis, { listen: () => document.querySelector('button')!.addEventListener('click', count) });
    });
    const listen = () => page.evaluate(() => (globalThis as unknown as { listen(): void }).listen());
    await listen();
    await page.addScriptTag({ url: script() });
    await page.evaluate((endpoint) => {
      tailrace.init({ serviceName: 'shop', endpoint });
    }, collector.url);
    await listen();
    await page.click('button');
    expect(await page.evaluate(() => document.body.dataset.clicks)).toBe('1');
    await page.close();
  });

  it('records nothing and breaks nothing where the globals are frozen', async () => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(pages.url('plain', ''));
    await page.evaluate(() => {
      Object.defineProperty(globalThis, 'fetch', { value: fetch, writable: false, configurable: false });
      for (const part of [EventTarget.prototype, XMLHttpRequest.prototype, Promise.prototype]) Object.freeze(part);
    });
    await page.addScriptTag({ url: script() });
    await page.evaluate((endpoint) => {
      globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint });
    }, collector.url);
    expect(await page.evaluate(async () => (await (await fetch('/api')).json()).traceparent)).toBeNull();
    const traceId = await recordSpans(page, 2);
    expect((await collector.ended(traceId, 2)).size).toBe(2);
    await page.evaluate(() => sdk.shutdown());
    expect(errors).toEqual([]);
    await page.close();
  });

  it('works in an about:blank frame and a sandboxed one, each by itself', async () => {
    const { page, errors } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
    for (const sandbox of [null, 'allow-scripts']) {
      const source = sandbox ? `<!doctype html><script src="${script()}"></script>` : null;
      await page.evaluate(
        ({ sandbox, source, script }) =>
          new Promise<void>((resolve) => {
            const frame = document.createElement('iframe');
            frame.name = sandbox ? 'sandboxed' : 'blank';
            if (sandbox) frame.setAttribute('sandbox', sandbox);
            if (source) {
              frame.srcdoc = source;
              frame.onload = () => resolve();
              document.body.append(frame);
            } else {
              document.body.append(frame);
              const tag = frame.contentDocument!.createElement('script');
              tag.src = script;
              tag.onload = () => resolve();
              frame.contentDocument!.head.append(tag);
            }
          }),
        { sandbox, source, script: script() },
      );
      const frame = page.frame(sandbox ? 'sandboxed' : 'blank')!;
      const { traceId, mode } = await frame.evaluate(async (endpoint) => {
        const sdk = tailrace.init({ serviceName: 'frame', endpoint, instrument: { documentLoad: false } });
        const span = sdk.tracer.startSpan('in a frame');
        span.end();
        await sdk.flush();
        return { traceId: span.context.traceId, mode: sdk.mode };
      }, collector.url);
      const [span] = [...(await collector.ended(traceId, 1)).values()];
      expect(formatHex(span!.traceId)).toBe(traceId);
      expect(mode).toMatch(/^(copied|page)$/);
    }
    expect(await page.evaluate(() => sdk.stats().recorded)).toBe(0);
    expect(errors).toEqual([]);
    await page.close();
  });
});
