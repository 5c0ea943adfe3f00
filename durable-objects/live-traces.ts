/**
 * What a shard holds in memory: every trace with a slice that is not settled, built by applying log records in order -
 * as they are written, and in the same way when they are replayed after a start. A slice is settled when it is decided
 * and, if kept, stored. What is settled leaves memory; the log's index still finds it.
 */

import { HAS_RV, HEAD, HEAD_BYTES, headsOf, IS_ERROR } from '../model/append-frame.ts';
import { OPEN_SPAN_SILENCE_MS } from '../model/limits.ts';
import { concatBytes, SLICE_GOODBYE } from '../model/slice-frame.ts';
import type { TraceState } from '../model/span.ts';
import { DEADLINE_ROW_BYTES, Deadlines } from './columns/deadlines.ts';
import { Operations } from './columns/operations.ts';
import { SLICE_ROW_BYTES, SliceColumns } from './columns/slice-columns.ts';
import {
  IS_DECIDED,
  IS_MEASURED,
  IS_RECALLED,
  IS_STORED,
  SPAN_ROW_BYTES,
  SpanColumns,
} from './columns/span-columns.ts';
import {
  CRITICAL,
  FORGOTTEN,
  GOODBYE,
  HAS_ERROR,
  LATE,
  MERGED,
  ROOT_ENDED,
  TRACE_ROW_BYTES,
  TraceColumns,
} from './columns/trace-columns.ts';
import { type Counters, emptyCounters } from './counters.ts';
import { HeadCursor } from './head-cursor.ts';
import { LiveView } from './live-view.ts';
import type { Place } from './log.ts';
import type { IndexBuilder } from './log-index.ts';
import {
  APPEND,
  APPEND_SLICES_AT,
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
import { parseWords, type TraceWords } from './trace-words.ts';

const SLICE_HEADER_BYTES = 21;

export interface LiveTracesDeps {
  /** Any 32-bit number that senders cannot know. */
  readonly seed: number;
  readonly nowMs: number;
  /** Reads a slice's OTLP bytes back from the log. */
  readonly readSlice: (place: Place) => Uint8Array;
  /** The last decision of a trace that has left memory, or null. */
  readonly findDecision: (id: TraceWords) => DecideRecord | null;
  /** Takes note of a decision's place in the log. */
  readonly decided: (id: TraceWords, row: number, start: number, end: number) => void;
  /** Where in the current bucket each trace has slices. */
  readonly sliceIndex: IndexBuilder;
  /** Hears of every new pair of service and span name; true when it is a critical one. */
  readonly seen: (service: string, operation: string) => boolean;
  /** Takes the spans of a decided trace that are not measured yet into the statistics. */
  readonly measure: (view: TraceView, nowMs: number) => void;
  /** Learns how long traces like this one pause. */
  readonly learnGap: (operation: number, gapMs: number) => void;
  /** A slice has come: sees to the trace's deadline. */
  readonly appended: (trace: number, nowMs: number) => void;
}

export class LiveTraces {
  private readonly deps: LiveTracesDeps;
  readonly traces: TraceColumns;
  readonly spans = new SpanColumns();
  readonly slices = new SliceColumns();
  readonly deadlines: Deadlines;
  readonly operations: Operations;
  /** Ids of operations that the configuration calls critical. */
  private readonly critical = new Set<number>();
  readonly randomness = new Map<number, { readonly high: number; readonly low: number }>();
  readonly view: LiveView;
  counters: Counters = emptyCounters();
  /** Traces with slices that no decision covers. */
  undecidedCount = 0;
  /** Kept traces with decided slices that are not stored yet, in order of decision. */
  readonly outbox = new Set<number>();
  /** The block that is sealed and not known to be stored. */
  sealed: SealRecord | null = null;
  lastBlock = 0;

  constructor(deps: LiveTracesDeps) {
    this.deps = deps;
    this.traces = new TraceColumns(deps.seed);
    this.deadlines = new Deadlines(deps.nowMs);
    this.operations = new Operations((id, service, name) => {
      if (deps.seen(service, name)) this.critical.add(id);
    });
    this.view = new LiveView({
      seed: deps.seed,
      traces: this.traces,
      spans: this.spans,
      operations: this.operations,
      randomness: this.randomness,
      readSlices: (trace) => this.readSlices(trace),
    });
  }

  /** Bytes of all columns in use. */
  get bytes(): number {
    return (
      this.traces.count * (TRACE_ROW_BYTES + DEADLINE_ROW_BYTES) +
      this.spans.count * SPAN_ROW_BYTES +
      this.slices.count * SLICE_ROW_BYTES
    );
  }

  /** Spans that no decision covers, and kept ones that are not stored. Looks at all spans. */
  gauges(): { liveSpans: number; outboxSpans: number } {
    let liveSpans = 0;
    let outboxSpans = 0;
    for (const trace of this.all()) {
      const isKept = this.outbox.has(trace);
      const view = this.view.load(trace, this.traces.sliceEnd[trace]!, false);
      for (let i = 0; i < view.spanCount; i++) {
        const bits = this.spans.bits[view.row(i)]!;
        if ((bits & IS_DECIDED) === 0) liveSpans++;
        else if (isKept && (bits & IS_STORED) === 0) outboxSpans++;
      }
    }
    return { liveSpans, outboxSpans };
  }

  state(trace: number): TraceState {
    const decision = this.traces.decision[trace];
    if (!decision) return 'live';
    return decision.keep ? 'kept' : 'dropped';
  }

  isDecided(trace: number): boolean {
    return this.traces.decidedEnd[trace] === this.traces.sliceEnd[trace];
  }

  words(trace: number): TraceWords {
    const { id0, id1, id2, id3 } = this.traces;
    return [id0[trace]!, id1[trace]!, id2[trace]!, id3[trace]!];
  }

  find(traceId: string): number {
    return this.traces.find(...parseWords(traceId));
  }

  /** Every live trace. */
  *all(): Iterable<number> {
    for (let trace = 0; trace < this.traces.end; trace++) if (this.traces.has(trace)) yield trace;
  }

  /** Number of the first slice that is not settled, which the list of slices begins with. */
  settledEnd(trace: number): number {
    const { decision, storedEnd, decidedEnd } = this.traces;
    return decision[trace]?.keep ? storedEnd[trace]! : decidedEnd[trace]!;
  }

  /** Places of the slices that are not settled, from number `from` up to but not including `to`. */
  places(trace: number, from = 0, to = Number.POSITIVE_INFINITY): Place[] {
    const places: Place[] = [];
    let number = this.traces.sliceStart[trace]!;
    for (let slice = this.traces.sliceHead[trace]!; slice !== -1; slice = this.slices.next[slice]!) {
      if (number >= from && number < to) places.push(this.slices.place(slice));
      number++;
    }
    return places;
  }

  /** Shows a trace with what has come so far. Versions of spans that do not stand are released, if nothing needs them. */
  look(trace: number): LiveView {
    const { sliceEnd, sealedEnd, storedEnd, decidedEnd } = this.traces;
    const stored = storedEnd[trace];
    // A block is made of the versions that were there when its spans were decided, however often it is made.
    const isWaiting = this.outbox.has(trace) && stored !== decidedEnd[trace] && decidedEnd[trace] !== sliceEnd[trace];
    const merges = !isWaiting && sealedEnd[trace] === stored;
    const view = this.view.load(trace, sliceEnd[trace]!, merges);
    if (merges && view.copies > 0) {
      this.counters.mergedSpans += view.copies;
      this.traces.bits[trace]! |= MERGED;
    }
    return view;
  }

  /** Versions of spans in the slices from number `from` up to but not including `to`. */
  countVersions(trace: number, from: number, to: number): number {
    const { slice, next } = this.spans;
    let count = 0;
    for (let span = this.traces.spanHead[trace]!; span !== -1; span = next[span]!) {
      if (slice[span]! >= from && slice[span]! < to) count++;
    }
    return count;
  }

  /** Shows a trace as the sealed block has it. */
  lookSealed(trace: number): LiveView {
    return this.view.load(trace, this.traces.sealedEnd[trace]!, false);
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
    const heads = cursor ?? new HeadCursor(headsOf(row.subarray(slicesAt, end)), this.operations);
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    const { traces } = this;
    for (let at = slicesAt; at < end; ) {
      const w0 = view.getUint32(at, true);
      const w1 = view.getUint32(at + 4, true);
      const w2 = view.getUint32(at + 8, true);
      const w3 = view.getUint32(at + 12, true);
      let trace = traces.find(w0, w1, w2, w3);
      if (trace !== -1 && this.isSilent(trace, nowMs)) {
        this.remove(trace);
        trace = -1;
      }
      if (trace === -1) trace = this.addTrace(w0, w1, w2, w3, nowMs);
      const otlpAt = at + SLICE_HEADER_BYTES;
      const next = otlpAt + view.getUint32(at + 17, true);
      if ((row[at + 16]! & SLICE_GOODBYE) !== 0) traces.bits[trace]! |= GOODBYE;
      if (this.isDecided(trace)) {
        this.undecidedCount++;
        traces.firstMs[trace] = nowMs;
      }
      const gapMs = nowMs - traces.lastMs[trace]!;
      if (gapMs > traces.maxGapMs[trace]!) traces.maxGapMs[trace] = gapMs;
      traces.lastMs[trace] = nowMs;
      const isLate = (traces.bits[trace]! & LATE) !== 0;
      const count = this.addSpans(trace, heads, isLate ? IS_MEASURED : 0);
      this.counters.receivedSpans += count;
      if (isLate) this.counters.lateSpans += count;
      this.addSlice(trace, bucket, rowId, otlpAt, next);
      traces.undecidedBytes[trace]! += next - otlpAt;
      this.deps.appended(trace, nowMs);
      at = next;
    }
  }

  /** A trace that is not in memory: a new one, or one that was decided before. */
  private addTrace(w0: number, w1: number, w2: number, w3: number, nowMs: number): number {
    const { traces } = this;
    const trace = traces.add(w0, w1, w2, w3, nowMs);
    const earlier = this.deps.findDecision([w0, w1, w2, w3]);
    if (earlier) {
      traces.decision[trace] = earlier.decision;
      traces.revision[trace] = earlier.revision;
      traces.sealedRevision[trace] = earlier.revision + LATE_REVISIONS;
      traces.bits[trace] = FORGOTTEN | LATE;
    }
    return trace;
  }

  /** `marks`: bits that all of them get. `slice`: number of the slice they came with. */
  addSpans(trace: number, heads: HeadCursor, marks: number, slice = this.traces.sliceEnd[trace]!): number {
    const { traces, spans } = this;
    const { view, operations } = heads;
    let at = heads.at;
    const count = view.getUint16(at, true);
    const flags = view.getUint8(at + 2);
    at += 3;
    if ((flags & HAS_RV) !== 0) {
      this.randomness.set(trace, { high: view.getUint32(at, true), low: view.getUint32(at + 4, true) });
      at += 8;
    }
    let bits = 0;
    for (let i = 0; i < count; i++, at += HEAD_BYTES) {
      const span = spans.allocate();
      spans.id0[span] = view.getUint32(at + HEAD.spanId, true);
      spans.id1[span] = view.getUint32(at + HEAD.spanId + 4, true);
      const parent0 = view.getUint32(at + HEAD.parentSpanId, true);
      const parent1 = view.getUint32(at + HEAD.parentSpanId + 4, true);
      spans.parent0[span] = parent0;
      spans.parent1[span] = parent1;
      spans.startUs[span] = view.getFloat64(at + HEAD.startUs, true);
      const endUs = view.getFloat64(at + HEAD.endUs, true);
      spans.endUs[span] = endUs;
      const operation = operations[view.getUint16(at + HEAD.operation, true)]!;
      spans.operation[span] = operation;
      const spanBits = view.getUint8(at + HEAD.bits);
      spans.bits[span] = spanBits | marks;
      spans.weight[span] = view.getFloat32(at + HEAD.weight, true);
      spans.bytes[span] = view.getUint32(at + HEAD.bytes, true);
      spans.slice[span] = slice;
      spans.next[span] = -1;
      const tail = traces.spanTail[trace]!;
      if (tail === -1) traces.spanHead[trace] = span;
      else spans.next[tail] = span;
      traces.spanTail[trace] = span;
      if ((spanBits & IS_ERROR) !== 0) bits |= HAS_ERROR;
      if (endUs > 0 && parent0 === 0 && parent1 === 0) bits |= ROOT_ENDED;
      if (this.critical.size > 0 && this.critical.has(operation)) bits |= CRITICAL;
    }
    traces.bits[trace]! |= bits;
    traces.spanCount[trace]! += count;
    heads.at = at;
    return count;
  }

  addSlice(trace: number, bucket: number, row: number, start: number, end: number): void {
    this.linkSlice(trace, bucket, row, start, end);
    const { id0, id1, id2, id3 } = this.traces;
    this.deps.sliceIndex.add(id0[trace]!, id1[trace]!, id2[trace]!, id3[trace]!, row, start, end);
  }

  private linkSlice(trace: number, bucket: number, row: number, start: number, end: number): void {
    const { traces, slices } = this;
    const slice = slices.add(bucket, row, start, end);
    const tail = traces.sliceTail[trace]!;
    if (tail === -1) traces.sliceHead[trace] = slice;
    else slices.next[tail] = slice;
    traces.sliceTail[trace] = slice;
    traces.sliceEnd[trace]!++;
  }

  applyDecide({ id, decision, revision }: DecideRecord): void {
    const { traces, spans, counters } = this;
    const trace = traces.find(...id);
    // It can only have been decided while it was in memory.
    if (trace === -1) throw new RangeError('log decides a trace that it does not have');
    const before = traces.decision[trace];
    const view = this.look(trace);
    this.deps.measure(view, decision.decidedUs / 1000);
    this.deps.learnGap(view.operation(view.root), traces.maxGapMs[trace]!);
    for (let i = 0; i < view.spanCount; i++) {
      const row = view.row(i);
      const bits = spans.bits[row]!;
      if ((bits & IS_DECIDED) === 0) counters.decidedSpans[decision.reason]++;
      else if (before && !before.keep && decision.keep) counters.revisedSpans++;
      else if (before?.keep && !decision.keep && (bits & IS_STORED) === 0) counters.erasedSpans++;
      spans.bits[row] = bits | IS_DECIDED | (spans.endUs[row]! > 0 ? IS_MEASURED : 0);
    }
    if (!before) counters.decidedTraces[decision.reason]++;
    if (!this.isDecided(trace)) this.undecidedCount--;
    traces.decision[trace] = decision;
    traces.revision[trace] = revision;
    // What was dropped before and is kept now has come again by RECALL.
    if (decision.keep && !before?.keep) {
      traces.storedEnd[trace] = traces.sealedEnd[trace] = traces.decidedEnd[trace]!;
    }
    traces.decidedEnd[trace] = traces.sliceEnd[trace]!;
    traces.undecidedBytes[trace] = 0;
    this.deadlines.clear(trace);
    if (decision.keep) this.outbox.add(trace);
    else if (decision.reason === 'erased') this.discard(trace);
    else this.settle(trace);
  }

  private applySeal(seal: SealRecord): void {
    const { sealedEnd, sealedRevision, storedEnd, decidedEnd } = this.traces;
    for (const [traceId] of this.sealed?.traces ?? []) {
      const trace = this.find(traceId);
      if (trace !== -1) sealedEnd[trace] = storedEnd[trace]!;
    }
    this.sealed = seal;
    this.lastBlock = Math.max(this.lastBlock, seal.block);
    for (const [traceId, revision, slices] of seal.traces) {
      const trace = this.find(traceId);
      if (trace === -1) continue;
      sealedEnd[trace] = Math.min(storedEnd[trace]! + slices, decidedEnd[trace]!);
      sealedRevision[trace] = revision;
    }
  }

  private applyStored({ block, unstorable }: StoredRecord): void {
    if (this.sealed?.block !== block) return;
    const { traces, spans, counters } = this;
    for (const [traceId] of this.sealed.traces) {
      const trace = this.find(traceId);
      if (trace === -1) continue;
      const end = traces.sealedEnd[trace]!;
      const view = this.view.load(trace, end, false);
      for (let i = 0; i < view.spanCount; i++) {
        const row = view.row(i);
        if ((spans.bits[row]! & IS_STORED) !== 0) continue;
        spans.bits[row]! |= IS_STORED;
        if (unstorable) counters.unstorableSpans++;
        else counters.storedSpans++;
      }
      if (!unstorable) counters.storedParts++;
      traces.storedEnd[trace] = end;
      if (end === traces.decidedEnd[trace]) this.outbox.delete(trace);
      // Copies that came while it was sealed are counted before they are gone.
      this.look(trace);
      this.settle(trace);
    }
    if (!unstorable) counters.storedBlocks++;
    this.sealed = null;
  }

  private applyMove(row: Uint8Array, start: number, end: number, bucket: number, rowId: number): void {
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    const from = view.getUint32(start, true);
    for (const { trace, otlpAt, next } of this.slicesIn(view, start + 4, end)) {
      if (trace === -1) continue;
      let slice = this.traces.sliceHead[trace]!;
      while (slice !== -1 && this.slices.bucket[slice] !== from) slice = this.slices.next[slice]!;
      if (slice === -1) continue;
      this.slices.move(slice, bucket, rowId, otlpAt, next);
      this.deps.sliceIndex.add(...this.words(trace), rowId, otlpAt, next);
    }
  }

  /**
   * A trace comes back into memory: of what is stored the headers, so that copies are recognized; of what was dropped the
   * slices too, so that it can be kept.
   */
  private applyRecall(row: Uint8Array, start: number, end: number): void {
    const { traces } = this;
    const { id, nowMs, places } = readRecall(row, start, end);
    let trace = traces.find(...id);
    if (trace !== -1 && this.isSilent(trace, nowMs)) {
      this.remove(trace);
      trace = -1;
    }
    if (trace === -1) trace = this.addTrace(...id, nowMs);
    // What was left of it, open spans, comes again with the rest.
    for (let span = traces.spanHead[trace]!; span !== -1; span = this.spans.next[span]!) {
      if ((this.spans.bits[span]! & IS_DECIDED) !== 0) this.spans.bits[span]! |= IS_RECALLED;
    }
    const isKept = traces.decision[trace]?.keep === true;
    const marks = IS_RECALLED | IS_DECIDED | IS_MEASURED | (isKept ? IS_STORED : 0);
    for (const place of places) {
      // With the header before it, a slice is a frame of its own.
      const frame = this.deps.readSlice({ ...place, start: place.start - SLICE_HEADER_BYTES });
      const heads = new HeadCursor(headsOf(frame), this.operations);
      // What is stored is before anything that waits.
      this.addSpans(trace, heads, marks, isKept ? 0 : traces.sliceEnd[trace]!);
      if (isKept) continue;
      if (this.isDecided(trace)) this.undecidedCount++;
      this.linkSlice(trace, place.bucket, place.row, place.start, place.end);
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
      yield { words, trace: this.traces.find(...words), otlpAt, next };
      at = next;
    }
  }

  /** To be called for a trace whose columns a checkpoint has filled. */
  restored(trace: number): void {
    if (!this.isDecided(trace)) this.undecidedCount++;
    this.deadlines.set(trace, this.deps.nowMs);
    for (let span = this.traces.spanHead[trace]!; span !== -1; span = this.spans.next[span]!) {
      if (this.critical.has(this.spans.operation[span]!)) this.traces.bits[trace]! |= CRITICAL;
    }
  }

  /** What is settled leaves memory; of a trace with open spans these stay until they end or fall silent. */
  private settle(trace: number): void {
    const { traces, slices } = this;
    const end = this.settledEnd(trace);
    while (traces.sliceStart[trace]! < end) {
      const slice = traces.sliceHead[trace]!;
      traces.sliceHead[trace] = slices.next[slice]!;
      if (traces.sliceHead[trace] === -1) traces.sliceTail[trace] = -1;
      slices.release(slice);
      traces.sliceStart[trace]!++;
    }
    if (end < traces.sliceEnd[trace]!) return;
    this.releaseEnded(trace);
    if (traces.spanHead[trace] === -1 || (traces.bits[trace]! & GOODBYE) !== 0) this.remove(trace);
    else this.deadlines.set(trace, traces.lastMs[trace]! + OPEN_SPAN_SILENCE_MS);
  }

  /** Releases the headers of all spans but the open ones. */
  private releaseEnded(trace: number): void {
    const { traces, spans } = this;
    let tail = -1;
    for (let span = traces.spanHead[trace]!; span !== -1; ) {
      const next = spans.next[span]!;
      if (spans.endUs[span] === 0) tail = span;
      else {
        if (tail === -1) traces.spanHead[trace] = next;
        else spans.next[tail] = next;
        spans.release(span);
        traces.spanCount[trace]!--;
        traces.bits[trace]! |= FORGOTTEN;
      }
      span = next;
    }
    traces.spanTail[trace] = tail;
  }

  /** All of it is settled and its open spans were not heard of for so long that they will not end. */
  isSilent(trace: number, nowMs: number): boolean {
    const { sliceStart, sliceEnd, lastMs } = this.traces;
    return sliceStart[trace] === sliceEnd[trace] && nowMs - lastMs[trace]! >= OPEN_SPAN_SILENCE_MS;
  }

  /** Takes a trace out of memory, whatever becomes of it. */
  discard(trace: number): void {
    if (!this.isDecided(trace)) this.undecidedCount--;
    this.outbox.delete(trace);
    for (let slice = this.traces.sliceHead[trace]!; slice !== -1; ) {
      const next = this.slices.next[slice]!;
      this.slices.release(slice);
      slice = next;
    }
    this.remove(trace);
  }

  /** Takes a settled trace out of memory. */
  remove(trace: number): void {
    this.spans.releaseList(this.traces.spanHead[trace]!);
    this.deadlines.clear(trace);
    this.randomness.delete(trace);
    this.traces.remove(trace);
  }

  private readSlices(trace: number): Uint8Array {
    return concatBytes(this.places(trace).map(this.deps.readSlice));
  }
}

/** A late part's revision is above those of so many parts that may have been stored under the last decision. */
const LATE_REVISIONS = 1_000;
