/** A page that records more than is usual: nothing is lost uncounted, and nothing is held for ever. */
import { randomBytes } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_DROP_REASONS } from '../../../model/reasons.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';
import { openPage } from '../../kit/sdk-page.ts';

/** 256 records of 128 bytes. */
const SMALL = { ringBytes: 256 * 128, flushBytes: 8 * 1024, rootEndedMs: 50, ageMs: 1_000 };

let collector: Collector;
let pages: Pages;
let browser: Browser;

beforeAll(async () => {
  collector = await startCollector();
  pages = await startPages();
  browser = await launchChromium();
});

afterEach(() => {
  collector.fault = null;
});

afterAll(async () => {
  await browser.close();
  await pages.close();
  await collector.close();
});

const contextOf = () => ({ traceId: randomBytes(16).toString('hex'), spanId: '00000000000000ff', flags: 1 });

describe.each(Object.keys(PAGE_KINDS) as PageKind[])('on a page that is %s', (kind) => {
  it('delivers or counts as dropped each of 10,000 spans that do not wait, also when the edge fails now and then', async () => {
    const { page } = await openPage(browser, pages, { kind, edge: collector.url, init: { tuning: SMALL } });
    const parent = contextOf();
    collector.failures.push({ status: 503, retryAfter: '0' }, { status: 503 });
    await page.evaluate(async (parent) => {
      for (let i = 0; i < 100; i++) {
        for (let j = 0; j < 100; j++) sdk.tracer.startSpan(`step ${j}`, { parent }).end();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }, parent);
    await page.waitForFunction(
      (reasons) => {
        const stats = sdk.stats();
        return stats.accepted + reasons.reduce((sum, reason) => sum + stats[reason], 0) === stats.recorded;
      },
      CLIENT_DROP_REASONS,
      { timeout: 20_000 },
    );
    const { recorded, accepted, ring_full } = await page.evaluate(() => sdk.stats());
    expect([recorded, accepted + ring_full, ring_full > 0]).toEqual([10_000, 10_000, true]);
    expect((await collector.ended(parent.traceId, accepted)).size).toBe(accepted);
    await page.close();
  });

  it('holds no more memory after many spans than after some', async () => {
    const { page } = await openPage(browser, pages, { kind, edge: collector.url });
    const devtools = await page.context().newCDPSession(page);
    const heldAfter = async (spans: number) => {
      await page.evaluate(async (spans) => {
        for (let i = 0; i < spans; i += 1000) {
          const root = sdk.tracer.startSpan('root', { parent: null });
          for (let j = 1; j < 1000; j++) sdk.tracer.startSpan(`step ${i + j}`, { parent: root }).end();
          root.end();
          await sdk.flush();
        }
      }, spans);
      for (let i = 0; i < 3; i++) await devtools.send('HeapProfiler.collectGarbage');
      return (await devtools.send('Runtime.getHeapUsage')).usedSize;
    };
    const some = await heldAfter(20_000);
    const many = await heldAfter(40_000);
    expect(many - some).toBeLessThan(100_000);
    await page.close();
  });

  it('delivers what is on its way when it is shut down', async () => {
    collector.fault = { delayMs: 50 };
    const { page } = await openPage(browser, pages, { kind, edge: collector.url });
    const parent = contextOf();
    await page.evaluate(async (parent) => {
      const record = () => {
        for (let i = 0; i < 1000; i++) sdk.tracer.startSpan('step', { parent }).end();
      };
      record();
      void sdk.flush();
      record();
      await sdk.shutdown();
    }, parent);
    expect((await collector.ended(parent.traceId, 2000)).size).toBe(2000);
    await page.close();
  });
});
