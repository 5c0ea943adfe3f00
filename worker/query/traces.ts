/** Reading traces: what the shards still hold and what the store has, as one. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { type CompletenessNote, completenessOf, notesOf } from '../../model/completeness.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { Decision, Trace, TraceState } from '../../model/span.ts';
import type { Store } from '../../store/store.ts';
import { shardOfTrace } from '../routing.ts';

export interface FoundTrace {
  readonly traceId: string;
  readonly state: TraceState;
  readonly decision: Decision | null;
  /** What was noted of its completeness when it was decided. */
  readonly notes: readonly CompletenessNote[];
  /** More may come: spans without an end are open. */
  readonly isLive: boolean;
  /** OTLP `TracesData` with one version of each span. */
  readonly otlp: Uint8Array;
}

/** A trace by its id (32 lower-case hex digits), or null. */
export async function findTrace(
  env: Env,
  config: CurrentConfig,
  store: Store,
  traceId: string,
): Promise<FoundTrace | null> {
  // Asked in this order: a trace that leaves the log between the two is in the store by then.
  const live = await readLive(shardOfTrace(env, config, traceId), traceId);
  const stored = await store.get(traceId).catch((error: unknown) => {
    // What was never kept is not in the store either.
    if (live && live.state !== 'kept') return null;
    throw error;
  });
  if (!live && !stored) return null;
  const parts = [stored?.otlp, live?.otlp].filter((part): part is Uint8Array => part !== undefined);
  return {
    traceId,
    state: stored ? 'kept' : live!.state,
    decision: stored?.summary.decision ?? live?.decision ?? null,
    isLive: live?.isLive ?? false,
    notes: stored ? notesOf(stored.summary.completeness) : [],
    otlp: mergeTrace(concatBytes(parts)),
  };
}

/** What the shard's log has of a trace, read piece by piece: one call carries a bounded number of bytes. */
async function readLive(shard: DurableObjectStub<TraceShard>, traceId: string) {
  let answer = await shard.get(traceId, null);
  if (!answer) return null;
  const { state, decision, isLive } = answer;
  const pieces = [answer.otlp];
  while (answer?.next != null) {
    answer = await shard.get(traceId, answer.next);
    if (answer) pieces.push(answer.otlp);
  }
  return { state, decision, isLive, otlp: concatBytes(pieces) };
}

export function traceAnswer(traceId: string, { state, decision, isLive, notes, otlp }: FoundTrace): Trace {
  const spans = decodeSpans(otlp, isLive ? 'live' : state);
  return { traceId, state, decision, completeness: completenessOf(spans, notes), spans };
}
