/** A span in the form records are written from. */

import type { SpanBody } from '../../model/batch/span-body.ts';
import type { Sampling } from '../sampling/sampler.ts';

/** What all spans of a trace in this page have in common. */
export interface TraceIdentity {
  /** The trace id as four big-endian 32-bit words. */
  readonly words: readonly number[];
  /** W3C trace flags. */
  readonly flags: number;
  readonly traceState: string;
  /** Of the clock, see `Clock`. */
  readonly segmentUs: number;
}

/** Where a span hangs: its trace, and the id of its parent as two big-endian words, 0 and 0 for none. */
export interface RecordPlace {
  readonly trace: TraceIdentity;
  readonly parent0: number;
  readonly parent1: number;
  /** The parent, where it is a span of this page. */
  readonly parent: object | null;
}

/** What a record is written from. */
export interface Recordable extends SpanBody {
  readonly place: RecordPlace;
  /** The span id as two big-endian words. */
  readonly id0: number;
  readonly id1: number;
  readonly startUs: number;
  /** null while the span is open. */
  readonly endUs: number | null;
}

/** A span that can be recorded more than once while it is open. */
export interface OpenRecordable extends Recordable {
  /** Changed since it was last recorded. */
  changed: boolean;
}

/** What a span reports to. Nothing here throws or waits. */
export interface SpanSink {
  /** The segment of a trace that begins now. */
  segmentUs(): number;
  /** Microseconds since the Unix epoch, in a segment. */
  nowUs(segmentUs: number): number;
  /** Decides about every span that starts; null where all are sampled. */
  readonly sampling: Sampling | null;
  onStart(span: OpenRecordable): void;
  /** To be called once for each span that started. */
  onEnd(span: OpenRecordable): void;
  /** A span is not sampled; it may not have been given to `onStart`. Nothing more comes of it. */
  onDrop(span: OpenRecordable): void;
  /** A span was changed after its end, which is ignored. */
  onIgnored(): void;
}
