/**
 * What a page notices of an edge that is away, slow, busy or broken for OUTAGE_SECONDS (60): how long its own work takes and what other
 * tasks it has, beside a page without an SDK, in windows that take turns; what memory it holds; and what arrived in the end.
 */
import type { CDPSession, Page } from 'playwright-core';
import { launchChromium } from '../test/kit/chromium.ts';
import { type Collector, startCollector } from '../test/kit/collector.ts';
import { tasksDuring } from '../test/kit/longest-task.ts';
import { PAGE_KINDS, type PageKind, startPages } from '../test/kit/pages.ts';
import { median, whole } from './measure.ts';

const SECONDS = Number(process.env.OUTAGE_SECONDS ?? 60);
/** Windows with and without the SDK; they are neighbours, the one or the other first in turn. */
const PAIRS = 6;
const FAULTS: readonly (readonly [string, PageKind, Collector['fault'] | 'away'])[] = [
  ['well', 'plain', null],
  ['away', 'plain', 'away'],
  ['away', 'isolated', 'away'],
  ['away', 'no-worker', 'away'],
  ['slow', 'plain', { delayMs: 5_000 }],
  ['429', 'plain', { status: 429 }],
  ['500', 'plain', { status: 500 }],
  ['garbage', 'plain', { status: 200, body: '<html>' }],
  ['cut off', 'plain', { cut: true }],
];

declare global {
  /** Milliseconds each burst of the page's work took, in the window before. */
  var bursts: number[];
}

/**
 * For the page: five times a second a burst of 20 tasks of some milliseconds, each of them with two spans where there is an SDK. What
 * others do between these tasks makes the burst longer.
 */
const work = async ({ seconds, isTraced }: { seconds: number; isTraced: boolean }): Promise<void> => {
  globalThis.bursts = [];
  const { port1, port2 } = new MessageChannel();
  const nextTask = () =>
    new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(0);
    });
  const ends = performance.now() + seconds * 1000;
  while (performance.now() < ends) {
    const started = performance.now();
    for (let piece = 0; piece < 20; piece++) {
      await nextTask();
      console.timeStamp('own');
      let sum = 0;
      for (let i = 0; i < 400_000; i++) sum += Math.sqrt(i ^ sum);
      if (!isTraced) continue;
      const attributes = { sum, 'app.route': '/cart', piece };
      const root = sdk.tracer.startSpan('work', { parent: null, attributes });
      sdk.tracer.startSpan('step', { parent: root, attributes: { piece, part: 'body', ok: true } }).end();
      root.end();
    }
    bursts.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 140));
  }
  port1.close();
};

const browser = await launchChromium();
const pages = await startPages();

/** One of the two pages. */
interface Side {
  readonly page: Page;
  readonly isTraced: boolean;
  readonly devtools: CDPSession;
}

interface Window {
  /** The page's own work: milliseconds a burst. */
  readonly burstMs: number;
  /** A task of the page's own work, in milliseconds of processor time. */
  readonly ownMs: number;
  /** The longest task that was not its own, in milliseconds of processor time. */
  readonly taskMs: number;
  /** What the page holds after it: heap, DOM, buffers. */
  readonly heldBytes: number;
}

async function measure({ page, isTraced, devtools }: Side, seconds: number): Promise<Window> {
  const { own, others } = await tasksDuring(browser, page, work, { seconds, isTraced });
  const burstMs = median(await page.evaluate(() => bursts));
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await devtools.send('Runtime.getHeapUsage');
  const heldBytes = usedSize + embedderHeapUsedSize + backingStorageSize;
  return { burstMs, ownMs: median(own), taskMs: Math.max(...others), heldBytes };
}

/** Median, and least to most. */
function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return `${median(values).toFixed(digits)} (${least} to ${most})`;
}

async function run(kind: PageKind, fault: Collector['fault'] | 'away'): Promise<string> {
  const [collector, context] = await Promise.all([startCollector(), browser.newContext()]);
  const open = async (isTraced: boolean): Promise<Side> => {
    const page = await context.newPage();
    await page.goto(pages.url(kind, isTraced ? `${collector.url}/sdk/tailrace.js` : ''));
    return { page, isTraced, devtools: await context.newCDPSession(page) };
  };
  const sides = { traced: await open(true), bare: await open(false) };
  const { page } = sides.traced;
  await page.evaluate((endpoint) => {
    globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint, instrument: { documentLoad: false } });
  }, collector.url);
  // Code has to be compiled, and the recorder started, once.
  for (const side of Object.values(sides)) await measure(side, 2);
  await page.evaluate(() => sdk.flush());

  collector.away = fault === 'away';
  collector.fault = fault === 'away' ? null : fault;
  const traced: Window[] = [];
  const bare: Window[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const turns = pair % 2 === 0 ? (['traced', 'bare'] as const) : (['bare', 'traced'] as const);
    for (const turn of turns) (turn === 'traced' ? traced : bare).push(await measure(sides[turn], SECONDS / PAIRS / 2));
  }
  collector.away = false;
  collector.fault = null;
  const wellAgain = performance.now();
  await page.waitForFunction(
    () => {
      const { recorded, accepted, ring_full, offline_cap } = sdk.stats();
      return accepted + ring_full + offline_cap >= recorded;
    },
    null,
    { timeout: 300_000, polling: 250 },
  );
  const afterSeconds = (performance.now() - wellAgain) / 1000;
  const { recorded, saved, retried, ring_full, offline_cap } = await page.evaluate(() => sdk.stats());
  const arrived = collector.batches.flatMap((batch) => batch.spans.map(({ spanId }) => spanId.join()));
  const once = new Set(arrived).size;
  await Promise.all([context.close(), collector.close()]);
  if (once + ring_full + offline_cap !== recorded) {
    process.exitCode = 1;
    console.error(`of ${recorded} spans ${once} arrived, and ${ring_full + offline_cap} are counted as lost`);
  }
  const all = (name: keyof Window, windows: readonly Window[] = traced) => windows.map((window) => window[name]);
  const ratio = (name: keyof Window) =>
    spread(
      traced.map((window, i) => window[name] / bare[i]![name]),
      3,
    );
  const heldMiB = (Math.max(...all('heldBytes')) - median(all('heldBytes', bare))) / 2 ** 20;
  const again = arrived.length - once;
  return `work ${ratio('burstMs')} by the clock, ${ratio('ownMs')} in processor time; memory ${heldMiB.toFixed(1)} MiB
    longest task ${spread(all('taskMs'), 1)} ms, without ${spread(all('taskMs', bare), 1)}
    ${whole(recorded)} recorded, ${whole(once)} arrived, the last ${afterSeconds.toFixed(0)} s after; ${whole(again)} came again, ${whole(saved)} were stored, ${whole(retried)} retried, ${whole(ring_full + offline_cap)} lost`;
}

console.log(`Chromium ${browser.version()}; each fault for ${SECONDS} s, in ${PAIRS} windows with 200 spans a second, and ${PAIRS} of a page without an SDK, in turn.
work: the page’s own, as a ratio of neighbouring windows, wanted 1.05 or less; by the clock with what others do between its tasks.
longest task: of others than the page’s own, in processor time, wanted 10 ms or less.
Of the windows: median (least to most). memory: what the page holds after a collection beyond the one without, at most; wanted 2 MiB or less.`);
try {
  for (const [name, kind, fault] of FAULTS) {
    console.log(`${name.padEnd(8)} ${PAGE_KINDS[kind].padEnd(7)} ${await run(kind, fault)}`);
  }
} finally {
  await Promise.all([browser.close(), pages.close()]);
}
