/**
 * Where kept traces live. One interface, two implementations (`d1-r2.ts`, `memory.ts`), one contract suite
 * (`test/contract/store.ts`) that both pass.
 */

import type { TraceSummary } from '../model/span.ts';

/** One write's worth of a trace: all of it, or the spans that came after an earlier part was stored. */
export interface TracePart {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /**
   * A safe integer that grows with every part of a trace; of two summaries the one with the higher revision stands. Where
   * the earlier parts are not known any more it must still be higher than theirs, so take it from a clock.
   */
  readonly revision: number;
  /** OTLP `TracesData` bytes of this part alone. */
  readonly otlp: Uint8Array;
  /**
   * `whole`: `summary` describes the trace with all its parts. `part`: the earlier parts are not known any more, or it is
   * not known whether there are any; `summary` describes this part alone and the store adds it to what it has.
   */
  readonly covers: 'whole' | 'part';
  readonly summary: TraceSummary;
  /** Service and operation pairs in the part, for search. At most `MAX_OPERATIONS_PER_TRACE`. */
  readonly operations: readonly (readonly [service: string, operation: string])[];
}

/** A trace as it is stored. */
export interface StoredTrace {
  readonly summary: TraceSummary;
  /** OTLP `TracesData` bytes: the parts one after the other, which is again one valid message. Spans may repeat. */
  readonly otlp: Uint8Array;
}

/** What to look for; every condition that is present must hold. Names are compared by their first `MAX_NAME_CHARS`. */
export interface TraceQuery {
  /** A service any span of the trace belongs to. */
  readonly service?: string;
  /** A span name; together with `service` both must be of the same span. */
  readonly operation?: string;
  readonly minDurationUs?: number;
  readonly maxDurationUs?: number;
  readonly status?: 'ok' | 'error';
  /** Inclusive bounds of the trace's start. */
  readonly startUs: number;
  readonly endUs: number;
  /** Only traces that sort after this key: newest first, ties by trace id descending. */
  readonly after?: SortKey;
  readonly limit: number;
}

/** Where a trace stands in a list: `startUs` descending, then `traceId` descending. */
export interface SortKey {
  readonly startUs: number;
  readonly traceId: string;
}

/** Every failure is a StoreError (`errors.ts`) that names the block or the trace; wrong arguments are RangeErrors. */
export interface Store {
  /**
   * Stores every part or fails; after a failure at any point the same call again completes it. Block keys are deterministic:
   * the same parts under the same key change nothing, other parts under it are a `block_conflict`. The parts of a failed
   * write may be visible already.
   */
  write(blockKey: string, parts: readonly TracePart[]): Promise<void>;
  /** The trace, its parts in order of revision, or null when it is not stored. */
  get(traceId: string): Promise<StoredTrace | null>;
  /** At most `limit` summaries, newest first. */
  search(query: TraceQuery): Promise<TraceSummary[]>;
}
