/**
 * Spans this isolate could not deliver. They ride on the resource of the next request that is exported, as
 * `tailrace.lost_spans.<reason>`, so that they show up where the missing spans would have been looked for; and in a
 * header, so that the edge counts them.
 * `too_many_spans`: beyond the cap of one request. `pressure`: the edge had asked for what matters most only. `unreachable`: no answer or a refusal until the retries ran out.
 */

import type { WorkerDropReason } from '../../model/reasons.ts';
import type { SpanDataAttributes } from '../../model/span-data.ts';

const lost = new Map<WorkerDropReason, number>();
const warned = new Set<WorkerDropReason>();

/** Counts lost spans, and says so in the Worker's log the first time a reason occurs. */
export function countLoss(reason: WorkerDropReason, spans: number, detail: string): void {
  if (spans === 0) return;
  lost.set(reason, (lost.get(reason) ?? 0) + spans);
  if (warned.has(reason)) return;
  warned.add(reason);
  console.warn(`tailrace: ${spans} spans lost (${reason}): ${detail}. Further losses of this kind are only counted.`);
}

/** Takes the counts out, as resource attributes. Give them back with `returnLosses` if they were not delivered. */
export function takeLosses(): SpanDataAttributes {
  const taken = [...lost].map(([reason, spans]) => [`tailrace.lost_spans.${reason}`, spans] as const);
  lost.clear();
  return taken;
}

/** Puts back what `takeLosses` took. */
export function returnLosses(taken: SpanDataAttributes): void {
  for (const [key, spans] of taken) {
    const reason = key.slice('tailrace.lost_spans.'.length) as WorkerDropReason;
    lost.set(reason, (lost.get(reason) ?? 0) + (spans as number));
  }
}

/** What `takeLosses` took as the header's value, `reason=count` joined by commas; null when there is nothing to tell. */
export function formatLosses(taken: SpanDataAttributes): string | null {
  return taken.map(([key, spans]) => `${key.slice('tailrace.lost_spans.'.length)}=${spans}`).join(',') || null;
}
