/**
 * What a shard holds in memory: every trace with a slice that is not settled. A slice is settled when it is decided and, if
 * kept, stored. What is settled leaves memory; the log's index still finds it. What changes it is in `fold.ts`.
 */

import { HAS_RV, HEAD, HEAD_BYTES, IS_CERTAIN, IS_ERROR } from '../model/append-frame.ts';
import { OPEN_SPAN_SILENCE_MS } from '../model/limits.ts';
import type { TraceFacts } from '../model/query/matches-search.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { TraceState } from '../model/span.ts';
import { DEADLINE_ROW_BYTES, Deadlines } from './columns/deadlines.ts';
import { Operations } from './columns/operations.ts';
import { SLICE_ROW_BYTES, SliceColumns } from './columns/slice-columns.ts';
import { IS_DECIDED, IS_MEASURED, IS_STORED, SPAN_ROW_BYTES, SpanColumns } from './columns/span-columns.ts';
import {
  CERTAIN,
  CRITICAL,
  FACTS_ERROR,
  FACTS_OK,
  FORGOTTEN,
  GOODBYE,
  HAS_ERROR,
  LATE,
  MERGED,
  NO_FACTS,
  ROOT_ENDED,
  TRACE_ROW_BYTES,
  TraceColumns,
} from './columns/trace-columns.ts';
import { type Counters, emptyCounters } from './counters.ts';
import type { HeadCursor } from './head-cursor.ts';
import { LiveView } from './live-view.ts';
import type { Place } from './log.ts';
import type { IndexBuilder } from './log-index.ts';
import type { DecideRecord, SealRecord } from './records.ts';
import { parseWords, type TraceWords } from './trace-words.ts';

export interface LiveTracesDeps {
  /** Any 32-bit number that senders cannot know. */
  readonly seed: number;
  readonly nowMs: number;
  /** Reads a slice's OTLP bytes back from the log. */
  readonly readSlice: (place: Place) => Uint8Array;
  /** The last decision of a trace that has left memory, or null. */
  readonly findDecision: (id: TraceWords) => DecideRecord | null;
  /** Where in the current bucket each trace has slices. */
  readonly sliceIndex: IndexBuilder;
  /** Hears of every new pair of service and span name; true when it is a critical one. */
  readonly seen: (service: string, operation: string) => boolean;
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

  /**
   * Spans that no decision covers, kept ones that are not stored, and copies that are not merged yet. Looks at all spans.
   */
  gauges(): { liveSpans: number; outboxSpans: number; copies: number } {
    let liveSpans = 0;
    let outboxSpans = 0;
    let copies = 0;
    for (const trace of this.all()) {
      const isKept = this.outbox.has(trace);
      const view = this.view.load(trace, this.traces.sliceEnd[trace]!, false);
      copies += view.copies;
      for (let i = 0; i < view.spanCount; i++) {
        const bits = this.spans.bits[view.row(i)]!;
        if ((bits & IS_DECIDED) === 0) liveSpans++;
        else if (isKept && (bits & IS_STORED) === 0) outboxSpans++;
      }
    }
    return { liveSpans, outboxSpans, copies };
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

  /** What is known of a trace without its spans' attributes: found anew only where spans have come or gone since. */
  factsOf(trace: number): TraceFacts {
    const { facts, startUs, durationUs } = this.traces;
    if (facts[trace] === NO_FACTS) {
      const view = this.look(trace);
      facts[trace] = view.errorCount > 0 ? FACTS_ERROR : FACTS_OK;
      startUs[trace] = view.startUs;
      durationUs[trace] = view.durationUs;
    }
    const status = facts[trace] === FACTS_ERROR ? 'error' : 'ok';
    return { startUs: startUs[trace]!, durationUs: durationUs[trace]!, status };
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

  /** A trace that is not in memory: a new one, or one that was decided before. */
  addTrace(w0: number, w1: number, w2: number, w3: number, nowMs: number): number {
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
    let bits = (flags & IS_CERTAIN) !== 0 ? CERTAIN : 0;
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
      // One that is open has nothing to measure yet.
      spans.bits[span] = spanBits | (endUs > 0 ? marks : marks & ~IS_MEASURED);
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
    traces.facts[trace] = NO_FACTS;
    traces.spanCount[trace]! += count;
    heads.at = at;
    return count;
  }

  addSlice(trace: number, bucket: number, row: number, start: number, end: number): void {
    this.linkSlice(trace, bucket, row, start, end);
    this.indexSlice(trace, row, start, end);
  }

  /** Takes note that the trace has a slice here in the current bucket. */
  indexSlice(trace: number, row: number, start: number, end: number): void {
    const { id0, id1, id2, id3 } = this.traces;
    this.deps.sliceIndex.add(id0[trace]!, id1[trace]!, id2[trace]!, id3[trace]!, row, start, end);
  }

  linkSlice(trace: number, bucket: number, row: number, start: number, end: number): void {
    const { traces, slices } = this;
    const slice = slices.add(bucket, row, start, end);
    const tail = traces.sliceTail[trace]!;
    if (tail === -1) traces.sliceHead[trace] = slice;
    else slices.next[tail] = slice;
    traces.sliceTail[trace] = slice;
    traces.sliceEnd[trace]!++;
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
  settle(trace: number): void {
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
    traces.facts[trace] = NO_FACTS;
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

  /** Takes a trace out of memory when its open spans have been silent for long enough, or waits on. */
  endSilence(trace: number, nowMs: number): void {
    if (this.isSilent(trace, nowMs)) this.remove(trace);
    else if (!this.outbox.has(trace)) this.deadlines.set(trace, this.traces.lastMs[trace]! + OPEN_SPAN_SILENCE_MS);
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
