/**
 * Spans this isolate could not deliver. They ride on the resource of the next request that is exported, as
 * `tailrace.lost_spans.<reason>`, so that they show up where the missing spans would have been looked for.
 */

import type { SpanDataAttributes } from '../../model/span-data.ts';

/** `too_many_spans`: beyond the cap of one request. `unreachable`: no answer or a refusal until the retries ran out. */
export const EDGE_LOSS_REASONS = ['too_many_spans', 'rejected', 'unreachable', 'encode_failed'] as const;
export type EdgeLossReason = (typeof EDGE_LOSS_REASONS)[number];

const lost = new Map<EdgeLossReason, number>();
const warned = new Set<EdgeLossReason>();

/** Counts lost spans, and says so in the Worker's log the first time a reason occurs. */
export function countLoss(reason: EdgeLossReason, spans: number, detail: string): void {
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
    const reason = key.slice('tailrace.lost_spans.'.length) as EdgeLossReason;
    lost.set(reason, (lost.get(reason) ?? 0) + (spans as number));
  }
}
