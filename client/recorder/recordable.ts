/** A span in the form records are written from. */

import type { SpanDataAttributes, SpanDataEvent, SpanDataLink } from '../../model/span-data.ts';

/** What all spans of a trace in this page have in common. */
export interface TraceIdentity {
  /** The trace id as four big-endian 32-bit words. */
  readonly words: readonly [number, number, number, number];
  /** W3C trace flags. */
  readonly flags: number;
  readonly traceState: string;
}

/** A span in the form the record is written from. */
export interface Recordable {
  readonly trace: TraceIdentity;
  /** The span id and the parent's as two big-endian words; a parent of 0, 0 is none. */
  readonly id0: number;
  readonly id1: number;
  readonly parent0: number;
  readonly parent1: number;
  readonly name: string;
  readonly scope: string;
  readonly kind: number;
  readonly startUs: number;
  readonly endUs: number | null;
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly attributes: SpanDataAttributes;
  readonly events: readonly SpanDataEvent[];
  readonly links: readonly SpanDataLink[];
  readonly droppedAttributes: number;
  readonly droppedEvents: number;
  readonly droppedLinks: number;
}

/** A span that can be recorded more than once while it is open. */
export interface OpenRecordable extends Recordable {
  /** Changed since it was last recorded. */
  changed: boolean;
}
