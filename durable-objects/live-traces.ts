/**
 * The shard's index: every trace that has a slice in the log, built by applying log records in order - as they are
 * written, and in the same way when they are replayed after a restart.
 */

import { formatHex } from '../model/ids.ts';
import { readFrame, SLICE_GOODBYE } from '../model/slice-frame.ts';
import { addCounters, type CounterBase, type Counters, emptyCounters } from './counters.ts';
import { LiveTrace } from './live-trace.ts';
import type { Place } from './log.ts';
import {
  APPEND,
  APPEND_FRAME_AT,
  CARRY,
  type CarryRecord,
  DECIDE,
  type DecideRecord,
  FORGET,
  readCarry,
  readJson,
  readReceivedMs,
  readRow,
  SEAL,
  type SealRecord,
  STORED,
  type StoredRecord,
} from './records.ts';
import { SpanHeaders } from './span-headers.ts';

export interface LiveTracesDeps {
  readonly base: CounterBase;
  /** Reads a slice's OTLP bytes back from the log. */
  readonly readSlice: (place: Place) => Uint8Array;
  /** Hears of every service and span name that arrives. */
  readonly seen: (service: string, operation: string) => void;
}

type RowPlace = Pick<Place, 'bucket' | 'row'>;

export class LiveTraces {
  private readonly deps: LiveTracesDeps;
  private readonly traces = new Map<string, LiveTrace>();
  readonly counters: Counters;
  /** The last row that was applied. */
  lastRow: number;
  /** Traces with slices that no decision covers yet. */
  readonly undecided = new Set<LiveTrace>();
  /** Kept traces with decided slices that are not stored yet, in order of decision. */
  readonly outbox = new Set<LiveTrace>();
  /** The block that is sealed and not known to be stored. */
  sealed: SealRecord | null = null;
  lastBlock = 0;
  /** Spans whose headers are in memory. */
  headerCount = 0;

  constructor(deps: LiveTracesDeps) {
    this.deps = deps;
    this.counters = addCounters(emptyCounters(), deps.base.counters);
    this.lastRow = deps.base.row;
  }

  /** Traces with a slice in the log. */
  get size(): number {
    return this.traces.size;
  }

  get(traceId: string): LiveTrace | undefined {
    return this.traces.get(traceId);
  }

  /** Traces with headers in memory: live ones, and kept ones on their way to the store. */
  *searchable(): Iterable<LiveTrace> {
    for (const trace of this.undecided) if (trace.state !== 'dropped') yield trace;
    for (const trace of this.outbox) if (!this.undecided.has(trace)) yield trace;
  }

  /** Spans in slices not decided, and in kept slices not stored. */
  gauges(): { liveSpans: number; outboxSpans: number; liveTraces: number; outboxTraces: number } {
    let liveSpans = 0;
    let outboxSpans = 0;
    for (const trace of this.undecided) liveSpans += trace.countSpans(trace.decided, trace.slices.length);
    for (const trace of this.outbox) outboxSpans += trace.countSpans(trace.stored, trace.decided);
    return { liveSpans, outboxSpans, liveTraces: this.undecided.size, outboxTraces: this.outbox.size };
  }

  applyRow(row: Uint8Array, bucket: number, rowId: number): void {
    // Rows that the base has counted already are replayed for their state alone.
    const counters = rowId > this.deps.base.row ? this.counters : emptyCounters();
    this.lastRow = Math.max(this.lastRow, rowId);
    for (const { type, start, end } of readRow(row)) {
      switch (type) {
        case APPEND:
          this.applyAppend(row, start, end, { bucket, row: rowId }, counters);
          break;
        case DECIDE:
          for (const decide of readJson<DecideRecord[]>(row, start, end)) this.applyDecide(decide, counters);
          break;
        case SEAL:
          this.applySeal(readJson<SealRecord>(row, start, end));
          break;
        case STORED:
          this.applyStored(readJson<StoredRecord>(row, start, end), counters);
          break;
        case CARRY:
          this.applyCarry(row, start, end, { bucket, row: rowId });
          break;
        case FORGET:
          for (const traceId of readJson<string[]>(row, start, end)) this.traces.delete(traceId);
          break;
        default:
          throw new RangeError(`log record has unknown type ${type}`);
      }
    }
  }

  /** Traces whose oldest slice is in `bucket`. */
  *oldestIn(bucket: number): Iterable<LiveTrace> {
    for (const trace of this.traces.values()) if (trace.slices[0]!.place.bucket === bucket) yield trace;
  }

  /** Forgets the traces whose oldest slice is in a bucket that is being dropped; what is unsettled was carried. */
  forgetBucket(bucket: number): void {
    for (const { traceId } of this.oldestIn(bucket)) this.traces.delete(traceId);
  }

  private applyAppend(row: Uint8Array, start: number, end: number, at: RowPlace, counters: Counters): void {
    const nowMs = readReceivedMs(row, start);
    const frameAt = start + APPEND_FRAME_AT;
    for (const slice of readFrame(row.subarray(frameAt, end))) {
      const traceId = formatHex(row, frameAt + slice.traceIdAt, 16);
      const trace = this.traces.get(traceId) ?? new LiveTrace(traceId, nowMs);
      this.traces.set(traceId, trace);
      if (trace.isDecided) trace.firstMs = nowMs;
      const otlp = row.subarray(frameAt + slice.start, frameAt + slice.end);
      const { total, added } = this.addSpans(trace, otlp);
      counters.receivedSpans += total;
      counters.mergedSpans += total - added;
      const place = { ...at, start: frameAt + slice.start, end: frameAt + slice.end };
      trace.slices.push({ place, newSpans: added });
      trace.lastMs = nowMs;
      if (slice.flags & SLICE_GOODBYE) trace.goodbye = true;
      this.undecided.add(trace);
    }
  }

  private applyDecide({ traceId, decision, revision }: DecideRecord, counters: Counters): void {
    const trace = this.traces.get(traceId);
    // Its slices have left the log with an earlier bucket.
    if (!trace) return;
    counters.decidedSpans[decision.reason] += trace.countSpans(trace.decided, trace.slices.length);
    if (!trace.decision) counters.decidedTraces[decision.reason]++;
    else if (!trace.decision.keep && decision.keep) counters.revisedSpans += trace.countSpans(0, trace.decided);
    trace.decision = decision;
    trace.revision = revision;
    trace.decided = trace.slices.length;
    this.undecided.delete(trace);
    if (decision.keep) this.outbox.add(trace);
    else this.releaseHeaders(trace);
  }

  private applySeal(seal: SealRecord): void {
    for (const [traceId] of this.sealed?.traces ?? []) {
      const trace = this.traces.get(traceId);
      if (trace) trace.sealed = trace.stored;
    }
    this.sealed = seal;
    this.lastBlock = Math.max(this.lastBlock, seal.block);
    for (const [traceId, revision, slices] of seal.traces) {
      const trace = this.traces.get(traceId);
      if (!trace) continue;
      trace.sealed = Math.min(trace.stored + slices, trace.decided);
      trace.sealedRevision = revision;
    }
  }

  private applyStored({ block, unstorable }: StoredRecord, counters: Counters): void {
    // Its seal has left the log with an earlier bucket, as everything in it had been settled.
    if (this.sealed?.block !== block) return;
    for (const [traceId] of this.sealed.traces) {
      const trace = this.traces.get(traceId);
      if (!trace) continue;
      const spans = trace.countSpans(trace.stored, trace.sealed);
      if (unstorable) counters.unstorableSpans += spans;
      else {
        counters.storedSpans += spans;
        counters.storedParts++;
      }
      trace.stored = trace.sealed;
      if (trace.stored < trace.decided) continue;
      this.outbox.delete(trace);
      if (trace.isDecided) this.releaseHeaders(trace);
    }
    if (!unstorable) counters.storedBlocks++;
    this.sealed = null;
  }

  private applyCarry(row: Uint8Array, start: number, end: number, at: RowPlace): void {
    const { state, frameStart } = readCarry(row, start);
    const trace = this.carried(state);
    let index = 0;
    for (const slice of readFrame(row.subarray(frameStart, end))) {
      const otlp = row.subarray(frameStart + slice.start, frameStart + slice.end);
      this.addSpans(trace, otlp);
      const newSpans = state.newSpans[index++]!;
      const place = { ...at, start: frameStart + slice.start, end: frameStart + slice.end };
      trace.slices.push({ place, newSpans });
      if (slice.flags & SLICE_GOODBYE) trace.goodbye = true;
    }
    trace.decided = Math.min(state.decided, trace.slices.length);
    if (trace.isDecided) this.undecided.delete(trace);
    else this.undecided.add(trace);
    if (trace.decision?.keep && trace.decided > 0) this.outbox.add(trace);
  }

  /** The trace a CARRY record begins or continues, as it was without the slices that were carried. */
  private carried(state: CarryRecord): LiveTrace {
    const existing = this.traces.get(state.traceId);
    if (existing && !state.begins) return existing;
    if (existing) {
      this.releaseHeaders(existing);
      this.undecided.delete(existing);
      this.outbox.delete(existing);
    }
    const trace = new LiveTrace(state.traceId, state.firstMs);
    trace.lastMs = existing?.lastMs ?? state.firstMs;
    trace.forgotten = state.forgotten;
    trace.decision = state.decision;
    trace.revision = state.revision;
    trace.sealedRevision = state.revision;
    trace.goodbye = existing?.goodbye ?? false;
    this.traces.set(state.traceId, trace);
    return trace;
  }

  private addSpans(trace: LiveTrace, otlp: Uint8Array): { total: number; added: number } {
    trace.headers ??= this.restoredHeaders(trace);
    const before = trace.headers.size;
    const total = trace.headers.add(otlp, this.deps.seen);
    const added = trace.headers.size - before;
    this.headerCount += added;
    return { total, added };
  }

  /** A late span came: reads the headers of what the log still holds of the trace. */
  private restoredHeaders(trace: LiveTrace): SpanHeaders {
    const headers = new SpanHeaders();
    for (const { place } of trace.slices) headers.add(this.deps.readSlice(place), this.deps.seen);
    this.headerCount += headers.size;
    return headers;
  }

  private releaseHeaders(trace: LiveTrace): void {
    this.headerCount -= trace.headers?.size ?? 0;
    trace.headers = null;
  }
}
