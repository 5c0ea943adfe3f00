/**
 * A live trace as policies and statistics see it: each span once, in its best version, as columns that are read by
 * index. Valid only during the call it is given to. Attributes are not held in memory: `decoded()` reads them.
 */

import type { Span } from '../model/span.ts';

export interface TraceView {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /**
   * The trace's 56 bits of randomness, from `ot=rv` where a span carries one, else the last 7 bytes of the trace id: the
   * first 24 of them and the last 32, both as unsigned integers.
   */
  readonly randomHigh: number;
  readonly randomLow: number;
  /** The share of traces like this one that the head let through, from `ot=th`: above 0, at most 1, 1 where none is stated. */
  readonly headProbability: number;
  /** Start of the earliest span, and to the end of the last one; microseconds. */
  readonly startUs: number;
  readonly durationUs: number;
  /** OTLP bytes of the trace's slices. */
  readonly bytes: number;
  readonly spanCount: number;
  /** Spans whose status is error. */
  readonly errorCount: number;
  /** Index of the root span, or of the best stand-in of a headless trace: the earliest span. Never -1. */
  readonly root: number;
  /** The root has been received and has ended. */
  readonly rootEnded: boolean;

  // Columns, by index from 0 to spanCount - 1.

  /** Id of the span's service and name: a small integer, the same for the same pair as long as the shard lives. */
  operation(i: number): number;
  service(i: number): string;
  name(i: number): string;
  /** OTLP SpanKind, 0 to 5. */
  kind(i: number): number;
  isError(i: number): boolean;
  startUsOf(i: number): number;
  /** 0 while the span is open. */
  endUsOf(i: number): number;
  /** Index of the parent, -1 for a root or a parent that has not come. */
  parent(i: number): number;
  /** In how many spans' stead the statistics count it: 1/p where the head sampled with p and left the others out, else 1. */
  weight(i: number): number;
  /** The statistics have it already, from an earlier decision of this trace. */
  isMeasured(i: number): boolean;

  /** All spans with attributes, resource, trace flags and state, read from the log when first asked for. In no certain order. */
  decoded(): readonly Span[];
}
