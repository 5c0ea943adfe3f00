/** How long a page is kept from answering its user. */
import type { Browser, Page } from 'playwright-core';
import './sdk-page.ts';

const CATEGORIES = ['toplevel', '__metadata', 'devtools.timeline', 'disabled-by-default-devtools.timeline'];

/** Runs `work` in the page; how long the longest task of its main thread was meanwhile. */
export async function longestTask<T>(
  browser: Browser,
  page: Page,
  work: (argument: T) => Promise<void>,
  argument: T,
): Promise<number> {
  return Math.max(...(await tasksDuring(browser, page, work, argument)).others);
}

/**
 * Runs `work` in the page; how long each task of its main thread was meanwhile, in milliseconds of processor time: what else the machine
 * does is not in it. `own`: those that called `console.timeStamp`.
 */
export async function tasksDuring<T>(
  browser: Browser,
  page: Page,
  work: (argument: T) => Promise<void>,
  argument: T,
): Promise<{ own: number[]; others: number[] }> {
  await browser.startTracing(page, { categories: CATEGORIES });
  await page.evaluate(`(${work})(${JSON.stringify(argument)})`);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const threads = traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const isMain = (event: TraceEvent) => threads.some(({ pid, tid }) => pid === event.pid && tid === event.tid);
  const tasks = traceEvents.filter((event) => event.name.endsWith('RunTask') && event.tdur && isMain(event));
  if (tasks.length < 10) throw new Error('the trace has no tasks');
  const stamps = traceEvents.filter((event) => event.name === 'TimeStamp' && isMain(event));
  const isOwn = ({ pid, ts, dur }: TraceEvent) =>
    stamps.some((stamp) => stamp.pid === pid && stamp.ts >= ts && stamp.ts <= ts + dur!);
  const msOf = (wanted: boolean) => tasks.filter((task) => isOwn(task) === wanted).map(({ tdur }) => tdur! / 1000);
  return { own: msOf(true), others: msOf(false) };
}

/** Of Chromium's trace, in microseconds; `tdur` is processor time. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** For the page: records 10,000 spans a second, in portions every 10 ms, and sends all of them. */
export const recordSteadily = async ({ parent, seconds }: { parent: object; seconds: number }): Promise<void> => {
  for (let i = 0; i < seconds * 100; i++) {
    for (let j = 0; j < 100; j++) {
      const attributes = { 'app.step': j, 'url.full': `https://shop.example/api/items/${i}` };
      sdk.tracer.startSpan('step', { parent: parent as never, attributes }).end();
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await sdk.flush();
};
