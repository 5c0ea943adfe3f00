/**
 * Whether the page's own frames suffer, whoever is to blame, as far as the browser tells
 * (https://w3c.github.io/long-animation-frames/, https://w3c.github.io/longtasks/). Where it does not, never.
 */

import { monotonicMs } from '../api/clock.ts';

/** How much of this long may be blocked; above the first a page is busy until it is below the second. */
const WINDOW_MS = 2_000;
const BUSY_MS = 600;
const CALM_MS = 200;
/** What a task may take before it counts as long. */
const LONG_TASK_MS = 50;

const TYPES = ['long-animation-frame', 'longtask'];

/** Calls `onChange` when the page becomes busy and when it is calm again; the result ends that. */
export function watchBusy(onChange: (isBusy: boolean) => void): () => void {
  const supported = globalThis.PerformanceObserver?.supportedEntryTypes;
  const type = TYPES.find((type) => supported?.includes(type));
  if (!type) return () => {};
  /** When each blocked the page for how long, oldest first. */
  let blocks: { readonly endMs: number; readonly blockedMs: number }[] = [];
  let isBusy = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function update(): void {
    const fromMs = monotonicMs() - WINDOW_MS;
    blocks = blocks.filter(({ endMs }) => endMs > fromMs);
    const blockedMs = blocks.reduce((sum, block) => sum + block.blockedMs, 0);
    const was = isBusy;
    isBusy = blockedMs > (was ? CALM_MS : BUSY_MS);
    clearTimeout(timer);
    if (isBusy) timer = setTimeout(update, WINDOW_MS / 4);
    if (isBusy !== was) onChange(isBusy);
  }

  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { blockingDuration?: number })[]) {
      const { startTime, duration, blockingDuration = duration - LONG_TASK_MS } = entry;
      blocks.push({ endMs: startTime + duration, blockedMs: blockingDuration });
    }
    update();
  });
  observer.observe({ type });
  return () => {
    observer.disconnect();
    clearTimeout(timer);
  };
}
