/** From kept traces to a stored block: what goes into the next one, and the parts it is made of. */

import { MAX_BLOCK_BYTES, MAX_BLOCK_TRACES } from '../model/limits.ts';
import { mergeTrace } from '../model/otlp/merge.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { TracePart } from '../store/store.ts';
import type { LiveTrace } from './live-trace.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import type { SealRecord } from './records.ts';

/** The next block: the longest decided traces first come, up to the limits; null when nothing waits. */
export function planBlock(traces: LiveTraces, shardName: string, nowMs: number): SealRecord | null {
  const chosen: [traceId: string, revision: number][] = [];
  let bytes = 0;
  for (const trace of traces.outbox) {
    const size = unstoredSlices(trace, trace.decided).reduce((sum, { place }) => sum + place.end - place.start, 0);
    if (chosen.length > 0 && (bytes + size > MAX_BLOCK_BYTES || chosen.length >= MAX_BLOCK_TRACES)) break;
    chosen.push([trace.traceId, trace.revision]);
    bytes += size;
  }
  if (chosen.length === 0) return null;
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const block = traces.lastBlock + 1;
  return { block, key: `blocks/${day}/${shardName}-${nowMs}-${block}`, traces: chosen };
}

/**
 * The parts of a sealed block. The same seal over the same log gives the same bytes, so a block may be written
 * again after a crash at any point.
 */
export function blockParts(traces: LiveTraces, seal: SealRecord, readSlice: (place: Place) => Uint8Array): TracePart[] {
  return seal.traces.flatMap(([traceId, revision]) => {
    const trace = traces.get(traceId);
    const summary = trace?.summary();
    if (!trace?.headers || !summary) return [];
    const slices = unstoredSlices(trace, trace.sealed).map(({ place }) => readSlice(place));
    // The first part may meet an older one that this shard has forgotten; the store then adds the two.
    const covers = trace.stored > 0 && !trace.forgotten ? 'whole' : 'part';
    return [
      {
        traceId,
        revision,
        otlp: mergeTrace(concatBytes(slices)),
        covers,
        summary,
        operations: trace.headers.operations(),
      } satisfies TracePart,
    ];
  });
}

function unstoredSlices(trace: LiveTrace, to: number) {
  return trace.slices.slice(trace.stored, to);
}
