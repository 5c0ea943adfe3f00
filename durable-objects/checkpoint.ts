/**
 * All that a shard holds in memory, as bytes: a bucket of the log begins with it, so that a start needs no earlier rows.
 * `docs/log-format.md` has the layout.
 */

import type { Decision } from '../model/span.ts';
import { addCounters, type Counters, emptyCounters } from './counters.ts';
import type { Gaps } from './gaps.ts';
import type { LiveTraces } from './live-traces.ts';
import type { SealRecord } from './records.ts';

const TRACE_BYTES = 100;
const SLICE_BYTES = 16;
const SPAN_BYTES = 48;

interface CheckpointHead {
  readonly counters: Counters;
  readonly sealed: SealRecord | null;
  readonly lastBlock: number;
  /** Services and span names that spans and gaps refer to by index. */
  readonly operations: (readonly [service: string, name: string])[];
  readonly gaps: (readonly [operation: number, counts: readonly number[]])[];
  readonly decisions: Decision[];
  /** Explicit randomness: number of the trace, high and low. */
  readonly randomness: (readonly [trace: number, high: number, low: number])[];
  readonly traces: number;
}

/** `statistics`: their own snapshot. The parts, one after the other, are the checkpoint. */
export function encodeCheckpoint(live: LiveTraces, gaps: Gaps, statistics: Uint8Array): readonly Uint8Array[] {
  const { traces, slices, spans } = live;
  const rows = [...live.all()];
  const operations = new Map<number, number>();
  const indexOf = (id: number) => {
    let index = operations.get(id);
    if (index === undefined) {
      index = operations.size;
      operations.set(id, index);
    }
    return index;
  };
  const learned = gaps.entries().map(([id, counts]) => [indexOf(id), counts] as const);
  const body = new Uint8Array(traces.count * TRACE_BYTES + slices.count * SLICE_BYTES + spans.count * SPAN_BYTES);
  const view = new DataView(body.buffer);
  const decisions: Decision[] = [];
  const randomness: [number, number, number][] = [];
  let at = 0;
  const u32 = (value: number) => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const f64 = (value: number) => {
    view.setFloat64(at, value, true);
    at += 8;
  };
  for (const [number, trace] of rows.entries()) {
    const explicit = live.randomness.get(trace);
    if (explicit) randomness.push([number, explicit.high, explicit.low]);
    const decision = traces.decision[trace];
    if (decision) decisions.push(decision);
    for (const word of live.words(trace)) u32(word);
    f64(traces.firstMs[trace]!);
    f64(traces.lastMs[trace]!);
    f64(traces.revision[trace]!);
    f64(traces.sealedRevision[trace]!);
    view.setFloat32(at, traces.maxGapMs[trace]!, true);
    at += 4;
    u32(traces.bits[trace]!);
    u32(traces.spanCount[trace]!);
    u32(traces.undecidedBytes[trace]!);
    u32(traces.sliceStart[trace]!);
    u32(traces.sliceEnd[trace]!);
    u32(traces.decidedEnd[trace]!);
    u32(traces.sealedEnd[trace]!);
    u32(traces.storedEnd[trace]!);
    u32(decision ? decisions.length : 0);
    u32(live.outbox.has(trace) ? 1 : 0);
    at += 8;
    for (let slice = traces.sliceHead[trace]!; slice !== -1; slice = slices.next[slice]!) {
      u32(slices.bucket[slice]!);
      u32(slices.row[slice]!);
      u32(slices.start[slice]!);
      u32(slices.end[slice]!);
    }
    for (let span = traces.spanHead[trace]!; span !== -1; span = spans.next[span]!) {
      u32(spans.id0[span]!);
      u32(spans.id1[span]!);
      u32(spans.parent0[span]!);
      u32(spans.parent1[span]!);
      f64(spans.startUs[span]!);
      f64(spans.endUs[span]!);
      view.setFloat32(at, spans.weight[span]!, true);
      at += 4;
      u32(spans.bytes[span]!);
      u32(spans.slice[span]!);
      view.setUint16(at, indexOf(spans.operation[span]!), true);
      view.setUint16(at + 2, spans.bits[span]!, true);
      at += 4;
    }
  }
  const head: CheckpointHead = {
    counters: live.counters,
    sealed: live.sealed,
    lastBlock: live.lastBlock,
    operations: [...operations.keys()].map((id) => [live.operations.service(id), live.operations.name(id)]),
    gaps: learned,
    decisions,
    randomness,
    traces: rows.length,
  };
  const json = new TextEncoder().encode(JSON.stringify(head));
  return [new Uint8Array(Uint32Array.of(json.length, statistics.length).buffer), json, statistics, body];
}

/** Restores into empty `live` and `gaps`; `restoreStatistics` gets its snapshot back. */
export function restoreCheckpoint(
  bytes: Uint8Array,
  live: LiveTraces,
  gaps: Gaps,
  restoreStatistics: (snapshot: Uint8Array) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headEnd = 8 + view.getUint32(0, true);
  const statisticsEnd = headEnd + view.getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(8, headEnd))) as CheckpointHead;
  restoreStatistics(bytes.subarray(headEnd, statisticsEnd));
  live.counters = addCounters(emptyCounters(), head.counters);
  live.sealed = head.sealed;
  live.lastBlock = head.lastBlock;
  const operations = head.operations.map(([service, name]) => live.operations.idOf(service, name));
  for (const [operation, counts] of head.gaps) gaps.restore(operations[operation]!, counts);
  const randomness = new Map(head.randomness.map(([trace, high, low]) => [trace, { high, low }]));
  const { traces, slices, spans } = live;
  let at = statisticsEnd;
  const u32 = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const f64 = () => {
    at += 8;
    return view.getFloat64(at - 8, true);
  };
  for (let number = 0; number < head.traces; number++) {
    const trace = traces.add(u32(), u32(), u32(), u32(), 0);
    const explicit = randomness.get(number);
    if (explicit) live.randomness.set(trace, explicit);
    traces.firstMs[trace] = f64();
    traces.lastMs[trace] = f64();
    traces.revision[trace] = f64();
    traces.sealedRevision[trace] = f64();
    traces.maxGapMs[trace] = view.getFloat32(at, true);
    at += 4;
    traces.bits[trace] = u32();
    const spanCount = u32();
    traces.spanCount[trace] = spanCount;
    traces.undecidedBytes[trace] = u32();
    const sliceStart = u32();
    traces.sliceStart[trace] = sliceStart;
    traces.sliceEnd[trace] = u32();
    traces.decidedEnd[trace] = u32();
    traces.sealedEnd[trace] = u32();
    traces.storedEnd[trace] = u32();
    const decision = u32();
    traces.decision[trace] = decision === 0 ? null : head.decisions[decision - 1]!;
    if (u32() === 1) live.outbox.add(trace);
    at += 8;
    for (let i = sliceStart; i < traces.sliceEnd[trace]!; i++) {
      const slice = slices.add(u32(), u32(), u32(), u32());
      const tail = traces.sliceTail[trace]!;
      if (tail === -1) traces.sliceHead[trace] = slice;
      else slices.next[tail] = slice;
      traces.sliceTail[trace] = slice;
    }
    for (let i = 0; i < spanCount; i++) {
      const span = spans.allocate();
      spans.id0[span] = u32();
      spans.id1[span] = u32();
      spans.parent0[span] = u32();
      spans.parent1[span] = u32();
      spans.startUs[span] = f64();
      spans.endUs[span] = f64();
      spans.weight[span] = view.getFloat32(at, true);
      at += 4;
      spans.bytes[span] = u32();
      spans.slice[span] = u32();
      spans.operation[span] = operations[view.getUint16(at, true)]!;
      spans.bits[span] = view.getUint16(at + 2, true);
      at += 4;
      spans.next[span] = -1;
      const tail = traces.spanTail[trace]!;
      if (tail === -1) traces.spanHead[trace] = span;
      else spans.next[tail] = span;
      traces.spanTail[trace] = span;
    }
    live.restored(trace);
  }
  // The order of decision is that in which they are stored.
  const waiting = [...live.outbox].sort(
    (a, b) => (traces.decision[a]?.decidedUs ?? 0) - (traces.decision[b]?.decidedUs ?? 0),
  );
  live.outbox.clear();
  for (const trace of waiting) live.outbox.add(trace);
}
