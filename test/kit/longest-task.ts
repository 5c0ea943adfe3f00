/** How long a page is kept from answering its user. */
import type { Browser, Page } from 'playwright-core';
import './sdk-page.ts';

/**
 * Runs `work` in the page; how long the longest task of its main thread was meanwhile, in milliseconds of processor time: what
 * else the machine does is not in it.
 */
export async function longestTask<T>(
  browser: Browser,
  page: Page,
  work: (argument: T) => Promise<void>,
  argument: T,
): Promise<number> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata', 'disabled-by-default-devtools.timeline'] });
  await page.evaluate(`(${work})(${JSON.stringify(argument)})`);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const threads = traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const isMain = (event: TraceEvent) => threads.some(({ pid, tid }) => pid === event.pid && tid === event.tid);
  const tasks = traceEvents.filter((event) => event.name.endsWith('RunTask') && event.tdur && isMain(event));
  if (tasks.length < 10) throw new Error('the trace has no tasks');
  return Math.max(...tasks.map(({ tdur }) => tdur!)) / 1000;
}

/** Of Chromium's trace; `tdur` is in microseconds of processor time. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
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
