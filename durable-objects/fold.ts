/**
 * What the records of the log mean: each changes what is in memory, as it is written and in the same way when it is replayed
 * after a start.
 */

import { headsOf } from '../model/append-frame.ts';
import { SLICE_GOODBYE } from '../model/slice-frame.ts';
import { IS_DECIDED, IS_MEASURED, IS_RECALLED, IS_STORED } from './columns/span-columns.ts';
import { ERASED, FORGOTTEN, GOODBYE, LATE } from './columns/trace-columns.ts';
import { HeadCursor } from './head-cursor.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import {
  APPEND,
  APPEND_SLICES_AT,
  COSTS,
  DECIDE,
  type DecideRecord,
  MOVE,
  RECALL,
  readDecisions,
  readJson,
  readRecall,
  readReceivedMs,
  readRow,
  SEAL,
  type SealRecord,
  STORED,
  type StoredRecord,
} from './records.ts';
import type { TraceView } from './trace-view.ts';
import type { TraceWords } from './trace-words.ts';

const SLICE_HEADER_BYTES = 21;

export interface FoldDeps {
  readonly live: LiveTraces;
  /** Reads a range of the log. */
  readonly readSlice: (place: Place) => Uint8Array;
  /** Takes note of a decision's place in the log. */
  readonly decided: (id: TraceWords, row: number, start: number, end: number) => void;
  /** Takes the spans of a decided trace that are not measured yet into the statistics. */
  readonly measure: (view: TraceView, nowMs: number) => void;
  /** Learns how long traces like this one pause. */
  readonly learnGap: (operation: number, gapMs: number) => void;
  /** A slice has come: sees to the trace's deadline. */
  readonly appended: (trace: number, nowMs: number) => void;
}

export class Fold {
  private readonly deps: FoldDeps;
  private readonly live: LiveTraces;

  constructor(deps: FoldDeps) {
    this.deps = deps;
    this.live = deps.live;
  }

  /** `heads`: for each record of the row the heads of its slices, where there are any; else they are made again. */
  applyRow(
    row: Uint8Array,
    bucket: number,
    rowId: number,
    heads: readonly (HeadCursor | null)[] = [],
    first = 0,
  ): void {
    let index = first;
    for (const { type, start, end } of readRow(row)) {
      this.applyRecord(type, row, start, end, bucket, rowId, heads[index++] ?? null);
    }
  }

  applyRecord(
    type: number,
    row: Uint8Array,
    start: number,
    end: number,
    bucket: number,
    rowId: number,
    heads: HeadCursor | null,
  ): void {
    switch (type) {
      case APPEND:
        this.applyAppend(row, start, end, bucket, rowId, heads);
        break;
      case DECIDE:
        readDecisions(row, start, end, (at, record) => {
          this.applyDecide(record);
          this.deps.decided(record.id, rowId, start, at);
        });
        break;
      case SEAL:
        this.applySeal(readJson<SealRecord>(row, start, end));
        break;
      case STORED:
        this.applyStored(readJson<StoredRecord>(row, start, end));
        break;
      case MOVE:
        this.applyMove(row, start, end, bucket, rowId);
        break;
      case RECALL:
        this.applyRecall(row, start, end);
        break;
      case COSTS:
        break;
      default:
        throw new RangeError(`log record has unknown type ${type}`);
    }
  }

  private applyAppend(
    row: Uint8Array,
    start: number,
    end: number,
    bucket: number,
    rowId: number,
    cursor: HeadCursor | null,
  ): void {
    const nowMs = readReceivedMs(row, start);
    const slicesAt = start + APPEND_SLICES_AT;
    const heads = cursor ?? new HeadCursor(headsOf(row.subarray(slicesAt, end)), this.live.operations);
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    const { traces } = this.live;
    for (let at = slicesAt; at < end; ) {
      const w0 = view.getUint32(at, true);
      const w1 = view.getUint32(at + 4, true);
      const w2 = view.getUint32(at + 8, true);
      const w3 = view.getUint32(at + 12, true);
      let trace = traces.find(w0, w1, w2, w3);
      if (trace !== -1 && this.live.isSilent(trace, nowMs)) {
        this.live.remove(trace);
        trace = -1;
      }
      if (trace === -1) trace = this.live.addTrace(w0, w1, w2, w3, nowMs);
      const otlpAt = at + SLICE_HEADER_BYTES;
      const next = otlpAt + view.getUint32(at + 17, true);
      if ((row[at + 16]! & SLICE_GOODBYE) !== 0) traces.bits[trace]! |= GOODBYE;
      if (this.live.isDecided(trace)) {
        this.live.undecidedCount++;
        traces.firstMs[trace] = nowMs;
      }
      const gapMs = nowMs - traces.lastMs[trace]!;
      if (gapMs > traces.maxGapMs[trace]!) traces.maxGapMs[trace] = gapMs;
      traces.lastMs[trace] = nowMs;
      const isLate = (traces.bits[trace]! & LATE) !== 0;
      const count = this.live.addSpans(trace, heads, isLate ? IS_MEASURED : 0);
      this.live.counters.receivedSpans += count;
      if (isLate) this.live.counters.lateSpans += count;
      this.live.addSlice(trace, bucket, rowId, otlpAt, next);
      traces.undecidedBytes[trace]! += next - otlpAt;
      this.deps.appended(trace, nowMs);
      at = next;
    }
  }

  applyDecide({ id, decision, revision, notes }: DecideRecord): void {
    const { traces, spans, counters } = this.live;
    const trace = traces.find(id[0], id[1], id[2], id[3]);
    // It can only have been decided while it was in memory.
    if (trace === -1) throw new RangeError('log decides a trace that it does not have');
    const before = traces.decision[trace];
    const wasErased = (traces.bits[trace]! & ERASED) !== 0;
    const view = this.live.look(trace);
    this.deps.measure(view, decision.decidedUs / 1000);
    this.deps.learnGap(view.operation(view.root), traces.maxGapMs[trace]!);
    let decidedSpans = 0;
    for (let i = 0; i < view.spanCount; i++) {
      const row = view.row(i);
      const bits = spans.bits[row]!;
      if ((bits & IS_DECIDED) === 0) decidedSpans++;
      else if (before && !before.keep && decision.keep) counters.revisedSpans++;
      else if (before?.keep && !decision.keep && !wasErased && (bits & IS_STORED) === 0) counters.erasedSpans++;
      spans.bits[row] = bits | IS_DECIDED | (spans.endUs[row]! > 0 ? IS_MEASURED : 0);
    }
    counters.decidedSpans[decision.reason] += decidedSpans;
    if (!before) counters.decidedTraces[decision.reason]++;
    if (!this.live.isDecided(trace)) this.live.undecidedCount--;
    if (decision.reason === 'erased') {
      this.applyErased(trace);
      return;
    }
    traces.decision[trace] = decision;
    traces.revision[trace] = revision;
    traces.bits[trace]! |= notes;
    // What was dropped before and is kept now has come again by RECALL.
    if (decision.keep && !before?.keep) {
      traces.storedEnd[trace] = traces.sealedEnd[trace] = traces.decidedEnd[trace]!;
    }
    traces.decidedEnd[trace] = traces.sliceEnd[trace]!;
    traces.undecidedBytes[trace] = 0;
    this.live.deadlines.clear(trace);
    if (decision.keep) this.live.outbox.add(trace);
    else this.live.settle(trace);
  }

  /** An erased trace leaves memory, but for what its block is made of: however often that is written, it must be the same. */
  private applyErased(trace: number): void {
    const { traces } = this.live;
    traces.decidedEnd[trace] = traces.sliceEnd[trace]!;
    traces.undecidedBytes[trace] = 0;
    this.live.deadlines.clear(trace);
    this.live.outbox.delete(trace);
    if (traces.sealedEnd[trace] === traces.storedEnd[trace]) this.discardErased(trace);
    else traces.bits[trace]! |= ERASED;
  }

  private discardErased(trace: number): void {
    const { live } = this;
    const { sealedEnd, storedEnd, lastMs } = live.traces;
    sealedEnd[trace] = storedEnd[trace]!;
    // What came while it waited is counted before it is gone: copies, and spans that nothing has decided yet.
    const view = live.look(trace);
    if (!live.isDecided(trace)) {
      this.deps.measure(view, lastMs[trace]!);
      for (let i = 0; i < view.spanCount; i++) {
        if ((live.spans.bits[view.row(i)]! & IS_DECIDED) === 0) live.counters.decidedSpans.erased++;
      }
    }
    live.discard(trace);
  }

  private applySeal(seal: SealRecord): void {
    const { bits, sealedEnd, sealedRevision, storedEnd, decidedEnd } = this.live.traces;
    for (const [traceId] of this.live.sealed?.traces ?? []) {
      const trace = this.live.find(traceId);
      if (trace === -1) continue;
      if ((bits[trace]! & ERASED) !== 0) this.discardErased(trace);
      else sealedEnd[trace] = storedEnd[trace]!;
    }
    this.live.sealed = seal;
    this.live.lastBlock = Math.max(this.live.lastBlock, seal.block);
    for (const [traceId, revision, slices] of seal.traces) {
      const trace = this.live.find(traceId);
      if (trace === -1) continue;
      sealedEnd[trace] = Math.min(storedEnd[trace]! + slices, decidedEnd[trace]!);
      sealedRevision[trace] = revision;
    }
  }

  private applyStored({ block, unstorable }: StoredRecord): void {
    if (this.live.sealed?.block !== block) return;
    const { traces, spans, counters } = this.live;
    for (const [traceId] of this.live.sealed.traces) {
      const trace = this.live.find(traceId);
      if (trace === -1) continue;
      if ((traces.bits[trace]! & ERASED) !== 0) {
        this.discardErased(trace);
        continue;
      }
      const end = traces.sealedEnd[trace]!;
      const view = this.live.view.load(trace, end, false);
      for (let i = 0; i < view.spanCount; i++) {
        const row = view.row(i);
        if ((spans.bits[row]! & IS_STORED) !== 0) continue;
        spans.bits[row]! |= IS_STORED;
        if (unstorable) counters.unstorableSpans++;
        else counters.storedSpans++;
      }
      if (!unstorable) counters.storedParts++;
      traces.storedEnd[trace] = end;
      if (end === traces.decidedEnd[trace]) this.live.outbox.delete(trace);
      // Copies that came while it was sealed are counted before they are gone.
      this.live.look(trace);
      this.live.settle(trace);
    }
    if (!unstorable) counters.storedBlocks++;
    this.live.sealed = null;
  }

  private applyMove(row: Uint8Array, start: number, end: number, bucket: number, rowId: number): void {
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    const from = view.getUint32(start, true);
    for (const { trace, otlpAt, next } of this.slicesIn(view, start + 4, end)) {
      if (trace === -1) continue;
      let slice = this.live.traces.sliceHead[trace]!;
      while (slice !== -1 && this.live.slices.bucket[slice] !== from) slice = this.live.slices.next[slice]!;
      if (slice === -1) continue;
      this.live.slices.move(slice, bucket, rowId, otlpAt, next);
      this.live.indexSlice(trace, rowId, otlpAt, next);
    }
  }

  /**
   * A trace comes back into memory: of what is stored the headers, so that copies are recognized; of what was dropped the
   * slices too, so that it can be kept.
   */
  private applyRecall(row: Uint8Array, start: number, end: number): void {
    const { traces } = this.live;
    const { id, nowMs, places } = readRecall(row, start, end);
    let trace = traces.find(...id);
    if (trace !== -1 && this.live.isSilent(trace, nowMs)) {
      this.live.remove(trace);
      trace = -1;
    }
    if (trace === -1) trace = this.live.addTrace(...id, nowMs);
    // What there is of it that was decided comes again with the rest.
    const view = this.live.look(trace);
    for (let i = 0; i < view.spanCount; i++) {
      const span = view.row(i);
      if ((this.live.spans.bits[span]! & IS_DECIDED) !== 0) this.live.spans.bits[span]! |= IS_RECALLED;
    }
    const isKept = traces.decision[trace]?.keep === true;
    const marks = IS_RECALLED | IS_DECIDED | IS_MEASURED | (isKept ? IS_STORED : 0);
    for (const place of places) {
      // With the header before it, a slice is a frame of its own.
      const frame = this.deps.readSlice({ ...place, start: place.start - SLICE_HEADER_BYTES });
      const heads = new HeadCursor(headsOf(frame), this.live.operations);
      // What is stored is before anything that waits.
      this.live.addSpans(trace, heads, marks, isKept ? 0 : traces.sliceEnd[trace]!);
      if (isKept) continue;
      if (this.live.isDecided(trace)) this.live.undecidedCount++;
      this.live.linkSlice(trace, place.bucket, place.row, place.start, place.end);
    }
    traces.bits[trace]! &= ~FORGOTTEN;
  }

  private *slicesIn(
    view: DataView,
    start: number,
    end: number,
  ): Iterable<{ words: TraceWords; trace: number; otlpAt: number; next: number }> {
    for (let at = start; at < end; ) {
      const word = (i: number) => view.getUint32(at + i * 4, true);
      const words: TraceWords = [word(0), word(1), word(2), word(3)];
      const otlpAt = at + SLICE_HEADER_BYTES;
      const next = otlpAt + view.getUint32(at + 17, true);
      yield { words, trace: this.live.traces.find(...words), otlpAt, next };
      at = next;
    }
  }
}
