/**
 * Moves what is unsettled in a bucket forward, so that the bucket can be dropped: the traces' unsettled slices with
 * their state, and the sealed block again when it has any of them. Settled traces go as a whole.
 */

import { parseHex } from '../model/ids.ts';
import { MAX_LOG_ROW_BYTES } from '../model/limits.ts';
import { FrameWriter, SLICE_GOODBYE } from '../model/slice-frame.ts';
import type { LiveTrace } from './live-trace.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import { encodeCarry, encodeJsonRecord, FORGET, SEAL } from './records.ts';

/** Room for a record's header and state in a row; a slice of at most 1 MiB more always fits. */
const CARRY_FRAME_BYTES = MAX_LOG_ROW_BYTES / 2;

/** Keeps a FORGET record far below a row's size. */
const MAX_IDS_PER_RECORD = 10_000;

/** The records to write before `bucket` is dropped. */
export function carryRecords(
  traces: LiveTraces,
  bucket: number,
  readSlice: (place: Place) => Uint8Array,
): Uint8Array[] {
  const touched = [...traces.oldestIn(bucket)];
  const moved = new Set(touched.filter((trace) => trace.settled < trace.slices.length));
  const { sealed } = traces;
  const sealMoves = sealed?.traces.some(([traceId]) => moved.has(traces.get(traceId)!)) ?? false;
  if (sealed && sealMoves) {
    // A seal covers what came before it: its traces move together and the seal follows them.
    for (const [traceId] of sealed.traces) {
      const trace = traces.get(traceId);
      if (trace && trace.settled < trace.slices.length) moved.add(trace);
    }
  }
  const records = [...moved].flatMap((trace) => carryTrace(trace, readSlice));
  if (sealed && sealMoves) records.push(encodeJsonRecord(SEAL, sealed));
  const forgotten = touched.filter((trace) => !moved.has(trace) && trace.slices.at(-1)!.place.bucket !== bucket);
  for (let i = 0; i < forgotten.length; i += MAX_IDS_PER_RECORD) {
    const ids = forgotten.slice(i, i + MAX_IDS_PER_RECORD).map(({ traceId }) => traceId);
    records.push(encodeJsonRecord(FORGET, ids));
  }
  return records;
}

function carryTrace(trace: LiveTrace, readSlice: (place: Place) => Uint8Array): Uint8Array[] {
  const traceId = parseHex(trace.traceId)!;
  const unsettled = trace.slices.slice(trace.settled);
  const records: Uint8Array[] = [];
  let frame = new FrameWriter();
  let newSpans: number[] = [];
  const flush = () => {
    records.push(
      encodeCarry(
        {
          traceId: trace.traceId,
          firstMs: trace.firstMs,
          forgotten: trace.forgotten || trace.settled > 0,
          decision: trace.decision,
          revision: Math.max(trace.revision, trace.sealedRevision),
          begins: records.length === 0,
          decided: trace.decided - trace.settled,
          newSpans,
        },
        frame.finish(),
      ),
    );
    frame = new FrameWriter();
    newSpans = [];
  };
  for (const slice of unsettled) {
    const otlp = readSlice(slice.place);
    if (frame.length > 0 && frame.length + otlp.length > CARRY_FRAME_BYTES) flush();
    frame.add(traceId, trace.goodbye ? SLICE_GOODBYE : 0, otlp);
    newSpans.push(slice.newSpans);
  }
  flush();
  return records;
}
