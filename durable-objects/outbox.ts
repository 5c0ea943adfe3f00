/** From kept traces to a stored block: what goes into the next one, and the parts it is made of. */

import { MAX_BLOCK_BYTES, MAX_BLOCK_TRACES } from '../model/limits.ts';
import { mergeTrace } from '../model/otlp/merge.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { RetentionClass } from '../model/span.ts';
import type { TracePart } from '../store/store.ts';
import { IS_STORED } from './columns/span-columns.ts';
import { FORGOTTEN, LATE, MERGED } from './columns/trace-columns.ts';
import { summarize } from './live-summary.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import type { SealRecord } from './records.ts';
import { formatWords } from './trace-words.ts';

/**
 * The next block: of the retention class of the longest decided trace, the longest decided first, up to the limits; null
 * when nothing waits.
 */
export function planBlock(
  live: LiveTraces,
  shardName: string,
  nowMs: number,
  maxTraces = MAX_BLOCK_TRACES,
): SealRecord | null {
  const { traces } = live;
  const chosen: [traceId: string, revision: number, slices: number][] = [];
  let retention: RetentionClass | null = null;
  let bytes = 0;
  for (const trace of live.outbox) {
    if (chosen.length >= maxTraces) break;
    const ofTrace: RetentionClass = traces.decision[trace]?.retention ?? 'hot';
    retention ??= ofTrace;
    if (ofTrace !== retention) continue;
    // Of a trace that does not fit the rest follows as a further part.
    let slices = 0;
    let isFull = false;
    for (const { start, end } of live.places(trace, traces.storedEnd[trace], traces.decidedEnd[trace])) {
      isFull = bytes > 0 && bytes + end - start > MAX_BLOCK_BYTES;
      if (isFull) break;
      bytes += end - start;
      slices++;
    }
    if (slices > 0) {
      const revision = Math.max(traces.revision[trace]!, traces.sealedRevision[trace]! + 1);
      chosen.push([formatWords(live.words(trace)), revision, slices]);
    }
    if (isFull) break;
  }
  if (chosen.length === 0) return null;
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const block = live.lastBlock + 1;
  return { block, key: `blocks/${retention}/${day}/${shardName}-${nowMs}-${block}`, traces: chosen };
}

/**
 * The parts of a sealed block. They follow from the log up to the seal alone, so that a block may be written again
 * after a crash at any point. `rememberedSinceMs`: every decision that was made after that time is remembered.
 */
export function blockParts(
  live: LiveTraces,
  seal: SealRecord,
  readSlice: (place: Place) => Uint8Array,
  rememberedSinceMs: number,
): TracePart[] {
  return seal.traces.flatMap(([traceId, revision]) => {
    const trace = live.find(traceId);
    if (trace === -1 || live.traces.sealedEnd[trace]! <= live.traces.storedEnd[trace]!) return [];
    return [tracePart(live, trace, traceId, revision, readSlice, rememberedSinceMs)];
  });
}

function tracePart(
  live: LiveTraces,
  trace: number,
  traceId: string,
  revision: number,
  readSlice: (place: Place) => Uint8Array,
  rememberedSinceMs: number,
): TracePart {
  const { traces, spans } = live;
  const storedEnd = traces.storedEnd[trace]!;
  const sealedEnd = traces.sealedEnd[trace]!;
  const slices = live.places(trace, storedEnd, sealedEnd).map(readSlice);
  const view = live.lookSealed(trace);
  const hasCopies =
    (traces.bits[trace]! & MERGED) !== 0 || live.countVersions(trace, storedEnd, sealedEnd) !== view.spanCount;
  const otlp = concatBytes(slices);
  // Of a trace that began before what is remembered, earlier parts may have been stored and forgotten.
  const isWhole = (traces.bits[trace]! & FORGOTTEN) === 0 && view.rootEnded && view.startUs > rememberedSinceMs * 1000;
  const facts = summarize(view, traces.bits[trace]!, (i) => isWhole || (spans.bits[view.row(i)]! & IS_STORED) === 0);
  return {
    traceId,
    revision,
    otlp: hasCopies ? mergeTrace(otlp) : otlp,
    // The first part of a trace is the whole so far, and for the store there is nothing to replace.
    covers: isWhole && (storedEnd > 0 || (traces.bits[trace]! & LATE) !== 0) ? 'whole' : 'part',
    summary: { traceId, ...facts, state: live.state(trace), decision: traces.decision[trace]! },
  };
}
