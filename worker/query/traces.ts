/** Reading traces: what the shards still hold and what the store has, as one. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { type CompletenessNote, completenessOf, notesOf } from '../../model/completeness.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { Decision, Span, Trace, TraceState } from '../../model/span.ts';
import type { Store } from '../../store/store.ts';
import { shardOfTrace } from '../routing.ts';
import { TraceCache } from './trace-cache.ts';

export interface FoundTrace {
  readonly state: TraceState;
  readonly decision: Decision | null;
  /** What was noted of its completeness when it was decided. */
  readonly notes: readonly CompletenessNote[];
  /** More may come: spans without an end are open. */
  readonly isLive: boolean;
  /** The store's, of a trace that is whole there; null while a shard has something of it. */
  readonly version: string | null;
  /** Of what the store's summary covers; null of what it does not have. */
  readonly startUs: number | null;
  /** OTLP `TracesData` as it was received: spans may be there in several versions. */
  readonly received: Uint8Array;
  /** The same with one version of each span. */
  readonly otlp: Uint8Array;
}

const cache = new TraceCache<FoundTrace>();

/** A trace by its id (32 lower-case hex digits), or null. */
export async function findTrace(
  env: Env,
  config: CurrentConfig,
  store: Store,
  traceId: string,
): Promise<FoundTrace | null> {
  // Asked in this order: a trace that leaves the log between the two is in the store by then.
  const live = await readLive(shardOfTrace(env, config, traceId), traceId);
  const isSettled = live === null || (live.state === 'kept' && !live.isLive && live.otlp.length === 0);
  const known = isSettled ? cache.get(traceId) : undefined;
  const stored = await store.getSince(traceId, known?.version ?? null).catch((error: unknown) => {
    // What was never kept is not in the store either.
    if (live && live.state !== 'kept') return null;
    throw error;
  });
  if (stored === 'unchanged') return known!.trace;
  if (!stored) cache.remove(traceId);
  if (!live && !stored) return null;
  const received = concatBytes([stored?.otlp, live?.otlp].filter((part): part is Uint8Array => part !== undefined));
  const found: FoundTrace = {
    state: stored ? 'kept' : live!.state,
    decision: stored?.summary.decision ?? live?.decision ?? null,
    isLive: live?.isLive ?? false,
    notes: stored ? notesOf(stored.summary.completeness) : [],
    version: isSettled && stored ? stored.version : null,
    startUs: stored?.summary.startUs ?? null,
    received,
    otlp: mergeTrace(received),
  };
  if (found.version !== null) {
    const bytes = received.length + (found.otlp === received ? 0 : found.otlp.length);
    cache.put(traceId, found.version, found, bytes);
  }
  return found;
}

/** What `make` makes of a trace, which is not made again as long as the trace stays as it is. `name` says what it is. */
export function madeOf(
  traceId: string,
  { version }: Pick<FoundTrace, 'version'>,
  name: string,
  make: () => Uint8Array,
): Uint8Array {
  if (version === null) return make();
  let body = cache.body(traceId, version, name);
  if (body === undefined) {
    body = make();
    cache.putBody(traceId, version, name, body);
  }
  return body;
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

/** The spans of a trace, one version of each. */
export function spansOf({ otlp, isLive, state }: FoundTrace): Span[] {
  return decodeSpans(otlp, isLive ? 'live' : state);
}

export function traceAnswer(traceId: string, found: FoundTrace, spans = spansOf(found)): Trace {
  const { state, decision, notes } = found;
  return { traceId, state, decision, completeness: completenessOf(spans, notes), spans };
}
