/** What Workers and Durable Objects say to each other. Types only. */

import type { TraceSummary } from '../model/span.ts';
import type { TraceQuery } from '../store/store.ts';
import type { Counters } from './counters.ts';

/** `accepted: true` means durable. */
export type AppendResult = { readonly accepted: true } | { readonly accepted: false; readonly retryAfterMs: number };

/** What a shard has of a trace. Parts of a kept trace that are stored may have left it. */
export interface ShardTrace {
  readonly state: TraceSummary['state'];
  readonly decision: TraceSummary['decision'];
  /** OTLP `TracesData` bytes of slices that are in the log; spans may repeat. */
  readonly otlp: Uint8Array;
  /** Slice to go on from, where there are more than one answer can carry; else null. */
  readonly next: number | null;
}

export interface ShardMetrics {
  readonly counters: Counters;
  readonly liveTraces: number;
  readonly liveSpans: number;
  readonly outboxTraces: number;
  readonly outboxSpans: number;
  readonly logBytes: number;
  /** Failed tries to store the current block. */
  readonly storeFailures: number;
}

/** A span name that was seen with a service. */
export interface Operation {
  readonly service: string;
  readonly name: string;
}

export interface ShardApi {
  /** Commits the slices of a frame (`model/append-frame.ts`). */
  append(frame: Uint8Array): Promise<AppendResult>;
  /** From the slice `from` on, which is 0 or what the last answer gave as `next`. */
  get(traceId: string, from: number): Promise<ShardTrace | null>;
  /** Live and kept-but-not-stored traces that match, newest first. */
  search(query: TraceQuery): Promise<TraceSummary[]>;
  catalog(): Promise<Operation[]>;
  metrics(): Promise<ShardMetrics>;
}

/** Counters of the isolates, by name and label: `{'tailrace_spans_rejected_total{reason="invalid_trace_id"}': 3}`. */
export type CounterDeltas = Readonly<Record<string, number>>;

export interface LedgerApi {
  add(deltas: CounterDeltas): Promise<void>;
  read(): Promise<CounterDeltas>;
}
