/** What Workers and Durable Objects say to each other. Types only. */

import type { TraceSummary } from '../model/span.ts';
import type { TraceQuery } from '../store/store.ts';
import type { Lease } from './capacity.ts';
import type { Counters } from './counters.ts';
import type { Place } from './log.ts';
import type { PressureLevel } from './pressure.ts';

/** `accepted: true` means durable. */
export type AppendResult = { readonly accepted: true } | { readonly accepted: false; readonly retryAfterMs: number };

/** What a shard has of a trace. Parts of a kept trace that are stored may have left it. */
export interface ShardTrace {
  readonly state: TraceSummary['state'];
  readonly decision: TraceSummary['decision'];
  /** More of the trace may come: spans without an end are open, not abandoned. */
  readonly isLive: boolean;
  /** OTLP `TracesData` bytes of slices that are in the log; spans may repeat. */
  readonly otlp: Uint8Array;
  /** Place to go on after, where there is more than one answer can carry; else null. */
  readonly next: Place | null;
}

export interface ShardMetrics {
  readonly counters: Counters;
  /** Traces with slices that no decision covers. */
  readonly liveTraces: number;
  readonly liveSpans: number;
  /** What all of memory's columns take. */
  readonly liveBytes: number;
  /** Kept traces on their way to the store; how long ago the first was decided. */
  readonly outboxTraces: number;
  readonly outboxSpans: number;
  readonly oldestUnstoredMs: number;
  readonly logBytes: number;
  /** Failed tries in a row to store a block; whether there were so many that only one is tried at a time. */
  readonly storeFailures: number;
  readonly isStoreOpen: boolean;
  readonly pressure: PressureLevel;
  /** Since the shard started. */
  readonly earlyTraces: number;
  readonly refusedAppends: number;
  /** Decisions of traces that have left memory: remembered, and forgotten for want of room since the shard started. */
  readonly rememberedDecisions: number;
  readonly forgottenDecisions: number;
}

/** A span name that was seen with a service. */
export interface Operation {
  readonly service: string;
  readonly name: string;
}

export interface ShardApi {
  /** Commits the slices of a frame (`model/append-frame.ts`). */
  append(frame: Uint8Array): Promise<AppendResult>;
  /** What comes after `after`, which is null or what the last answer gave as `next`. */
  get(traceId: string, after: Place | null): Promise<ShardTrace | null>;
  /** Keeps a live or dropped trace. False when the shard has nothing of it. */
  keep(traceId: string): Promise<boolean>;
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
  /** Tokens for spans to take in: at least `needed` or none, `wanted` where there are as many. */
  lease(spansPerSecond: number, needed: number, wanted: number): Promise<Lease>;
}
