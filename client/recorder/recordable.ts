/** A span in the form records are written from. */

import type { SpanBody } from '../../model/batch/span-body.ts';

/** What all spans of a trace in this page have in common. */
export interface TraceIdentity {
  /** The trace id as four big-endian 32-bit words. */
  readonly words: readonly [number, number, number, number];
  /** W3C trace flags. */
  readonly flags: number;
  readonly traceState: string;
}

/** What a record is written from. */
export interface Recordable extends SpanBody {
  readonly trace: TraceIdentity;
  /** The span id and the parent's as two big-endian words; a parent of 0, 0 is none. */
  readonly id0: number;
  readonly id1: number;
  readonly parent0: number;
  readonly parent1: number;
  readonly startUs: number;
  /** null while the span is open. */
  readonly endUs: number | null;
}

/** A span that can be recorded more than once while it is open. */
export interface OpenRecordable extends Recordable {
  /** Changed since it was last recorded. */
  changed: boolean;
}
