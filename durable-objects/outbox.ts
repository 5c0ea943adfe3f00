/** From kept traces to a stored block: what goes into the next one, and the parts it is made of. */

import { MAX_BLOCK_BYTES, MAX_BLOCK_TRACES } from '../model/limits.ts';
import { mergeTrace } from '../model/otlp/merge.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { TracePart } from '../store/store.ts';
import type { LiveTrace } from './live-trace.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import type { SealRecord } from './records.ts';
import { factsSince, SpanHeaders } from './span-headers.ts';

/** The next block: the longest decided traces first come, up to the limits; null when nothing waits. */
export function planBlock(
  traces: LiveTraces,
  shardName: string,
  nowMs: number,
  maxTraces = MAX_BLOCK_TRACES,
): SealRecord | null {
  const chosen: [traceId: string, revision: number, slices: number][] = [];
  let bytes = 0;
  for (const trace of traces.outbox) {
    if (chosen.length >= maxTraces) break;
    // Of a trace that does not fit the rest follows as a further part.
    let slices = 0;
    while (trace.stored + slices < trace.decided) {
      const next = trace.countBytes(trace.stored + slices, trace.stored + slices + 1);
      if (bytes > 0 && bytes + next > MAX_BLOCK_BYTES) break;
      bytes += next;
      slices++;
    }
    if (slices === 0) break;
    chosen.push([trace.traceId, Math.max(trace.revision, trace.sealedRevision + 1), slices]);
  }
  if (chosen.length === 0) return null;
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const block = traces.lastBlock + 1;
  return { block, key: `blocks/${day}/${shardName}-${nowMs}-${block}`, traces: chosen };
}

/**
 * The parts of a sealed block. They follow from the log up to the seal alone, so that a block may be written again
 * after a crash at any point. `logSinceMs`: nothing that came after that time has left the log.
 */
export function blockParts(
  traces: LiveTraces,
  seal: SealRecord,
  readSlice: (place: Place) => Uint8Array,
  logSinceMs: number,
): TracePart[] {
  return seal.traces.flatMap(([traceId, revision]) => {
    const trace = traces.get(traceId);
    return trace && trace.sealed > trace.stored ? [tracePart(trace, revision, readSlice, logSinceMs)] : [];
  });
}

function tracePart(
  trace: LiveTrace,
  revision: number,
  readSlice: (place: Place) => Uint8Array,
  logSinceMs: number,
): TracePart {
  const headers = new SpanHeaders();
  const read = (from: number, to: number) => trace.slices.slice(from, to).map(({ place }) => readSlice(place));
  for (const otlp of read(0, trace.stored)) headers.add(otlp);
  const before = headers.facts();
  const slices = read(trace.stored, trace.sealed);
  for (const otlp of slices) headers.add(otlp);
  const after = headers.facts();
  // Only of a trace whose root began within the log's window is it sure that no earlier part has been forgotten.
  const { rootStartUs } = headers;
  const isWhole = !trace.forgotten && rootStartUs !== null && rootStartUs > logSinceMs * 1000;
  const facts = isWhole
    ? after
    : { ...factsSince(before, after), spanCount: trace.countSpans(trace.stored, trace.sealed) };
  return {
    traceId: trace.traceId,
    revision,
    otlp: mergeTrace(concatBytes(slices)),
    // The first part of a trace is the whole so far, and for the store there is nothing to replace.
    covers: isWhole && trace.stored > 0 ? 'whole' : 'part',
    summary: { traceId: trace.traceId, ...facts, state: trace.state, decision: trace.decision },
    operations: headers.operations(),
  };
}
