/** A span in the form records are written from. */

import type { FlatSpanBody } from '../../model/batch/span-body.ts';
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
  /** The remote parent of those that have no parent in this page, as two big-endian words; 0 and 0 for none. */
  readonly id0: number;
  readonly id1: number;
}

/** What a record is written from. */
export interface Recordable extends FlatSpanBody {
  readonly trace: TraceIdentity;
  /** The parent, where it is a span of this page. */
  readonly parent: { readonly id0: number; readonly id1: number } | null;
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
  readonly name: string;
  /** About as many bytes as it holds. */
  readonly heldBytes: number;
  /** The next in the list it is in, see `span-list.ts`. */
  next: OpenRecordable | null;
  setAttribute(key: string, value: string): unknown;
  end(atUs?: number): void;
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
  /** Resolves when there is room for ordinary spans. */
  ready(): Promise<void>;
  /** A span was changed after its end, which is ignored. */
  onIgnored(): void;
}
