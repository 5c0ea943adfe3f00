/**
 * What a page notices of an edge that is away, slow, busy or broken: how long its own work takes, in the same browser, with the SDK and
 * without it; its longest task; and what arrived once the edge was well again. OUTAGE_SECONDS (60) of each.
 */
import type { Page } from 'playwright-core';
import { launchChromium } from '../test/kit/chromium.ts';
import { type Collector, startCollector } from '../test/kit/collector.ts';
import { startPages } from '../test/kit/pages.ts';
import { median, percentile, whole } from './measure.ts';

const SECONDS = Number(process.env.OUTAGE_SECONDS ?? 60);
/** Spans a second, in traces of ten. */
const RATE = 200;
const FAULTS: Readonly<Record<string, Collector['fault'] | 'away'>> = {
  well: null,
  away: 'away',
  slow: { delayMs: 5_000 },
  '429': { status: 429 },
  '500': { status: 500 },
  garbage: { status: 200, body: '<html>' },
  'cut off': { cut: true },
};

interface Work {
  /** How long each piece of the page's own work took, in milliseconds. */
  readonly tookMs: readonly number[];
  /** How late timers were that should have come every 5 ms: the tasks in between. */
  readonly lateMs: readonly number[];
}

/** Works for `seconds`: every 50 ms a piece of some milliseconds and, with `isTraced`, spans; meanwhile a timer of 5 ms looks for other tasks. */
function work(page: Page, seconds: number, isTraced: boolean): Promise<Work> {
  return page.evaluate(
    async ({ seconds, isTraced, traces }) => {
      const tookMs: number[] = [];
      const lateMs: number[] = [];
      const ends = performance.now() + seconds * 1000;
      let isBusy = false;
      let previous = performance.now();
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        const now = performance.now();
        if (!isBusy) lateMs.push(now - previous);
        isBusy = false;
        previous = now;
        if (now < ends) setTimeout(() => channel.port2.postMessage(0), 1);
      };
      channel.port2.postMessage(0);
      while (performance.now() < ends) {
        const started = performance.now();
        let sum = 0;
        for (let i = 0; i < 400_000; i++) sum += Math.sqrt(i ^ sum);
        if (isTraced) {
          for (let t = 0; t < traces; t++) {
            const root = sdk.tracer.startSpan('work', {
              parent: null,
              attributes: { sum, 'app.route': '/cart', step: t },
            });
            for (let i = 1; i < 10; i++) {
              sdk.tracer.startSpan('step', { parent: root, attributes: { i, part: 'body', ok: true } }).end();
            }
            root.end();
          }
        }
        tookMs.push(performance.now() - started);
        isBusy = true;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      channel.port1.close();
      return { tookMs, lateMs };
    },
    { seconds, isTraced, traces: (RATE / 10) * 0.05 },
  );
}

const [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
console.log(`Chromium ${browser.version()}, mode copied; ${RATE} spans a second, ${SECONDS} s of each; milliseconds.`);
console.log(
  'work: a piece of the page’s own work, with its ten spans, beside the same without an SDK before and after it.',
);
for (const [name, fault] of Object.entries(FAULTS)) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const bare = await context.newPage();
  await bare.goto(pages.url('plain', ''));
  await bare.bringToFront();
  const before = await work(bare, SECONDS / 4, false);
  await page.goto(pages.url('plain', `${collector.url}/sdk/tailrace.js`));
  await page.bringToFront();
  await page.evaluate((endpoint) => {
    globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint, instrument: { documentLoad: false } });
  }, collector.url);
  await page.evaluate(() => {
    sdk.tracer.startSpan('first', { parent: null }).end();
    return sdk.flush();
  });
  collector.away = fault === 'away';
  collector.fault = fault === 'away' ? null : fault;
  const traced = await work(page, SECONDS, true);
  collector.away = false;
  collector.fault = null;
  await page.waitForFunction(
    () => {
      const { recorded, accepted, ring_full, offline_cap } = sdk.stats();
      return accepted + ring_full + offline_cap >= recorded;
    },
    null,
    { timeout: 120_000, polling: 500 },
  );
  const { recorded, saved, retried, ring_full, offline_cap } = await page.evaluate(() => sdk.stats());
  const arrived = new Set(collector.batches.flatMap((batch) => batch.spans).map(({ spanId }) => spanId.join())).size;
  await bare.bringToFront();
  const after = await work(bare, SECONDS / 4, false);
  const without = [...before.tookMs, ...after.tookMs];
  const ratio = median(traced.tookMs) / median(without);
  const longest = percentile(
    [...traced.lateMs].sort((a, b) => a - b),
    1,
  );
  const longestWithout = percentile(
    [...before.lateMs, ...after.lateMs].sort((a, b) => a - b),
    1,
  );
  console.log(
    `${name.padEnd(9)} work ${median(traced.tookMs).toFixed(2)}, without ${median(without).toFixed(2)}, ratio ${ratio.toFixed(3)}; longest other task ${longest.toFixed(1)}, without ${longestWithout.toFixed(1)}; ` +
      `recorded ${whole(recorded)}, arrived ${whole(arrived)}, stored ${whole(saved)}, retried ${whole(retried)}, lost ${whole(ring_full + offline_cap)}`,
  );
  collector.batches.length = 0;
  await context.close();
}
await Promise.all([browser.close(), collector.close(), pages.close()]);
