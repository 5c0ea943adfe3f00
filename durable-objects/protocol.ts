/** What Workers and Durable Objects say to each other. Types only. */

import type { Costs } from '../model/costs.ts';
import type { TraceSearch } from '../model/query/conditions.ts';
import type { RoutingTable } from '../model/routing.ts';
import type { TraceSummary } from '../model/span.ts';
import type { Grain } from '../model/statistics-sum.ts';
import type { SortKey, TallyGrid } from '../store/store.ts';
import type { AppendResult } from './append-result.ts';
import type { AuditEntry, AuditRecord } from './audit.ts';
import type { Lease } from './capacity.ts';
import type { Counters } from './counters.ts';
import type { DryRunCount } from './dry-run.ts';
import type { Taken } from './fair-shares.ts';
import type { KeyLease, KeyLimits } from './key-budgets.ts';
import type { Key, KeyList } from './keys.ts';
import type { Place } from './log.ts';
import type { PressureLevel } from './pressure.ts';
import type { QuarantinedSpan, RejectedSpan } from './quarantine.ts';
import type { StatisticsCounters } from './statistics/state.ts';
import type { PackedMinute } from './statistics.ts';

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
  /** Of the traces in memory those that belong to another shard by now. */
  readonly movedTraces: number;
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
  /** Of spans in the statistics, since the shard started; see `Statistics`. */
  readonly statistics: Readonly<StatisticsCounters>;
  /** Times a name had no room among the shard's operations, since it started. */
  readonly otherOperations: number;
  /** What it has cost. */
  readonly costs: Costs;
}

/** A span name that was seen with a service. */
export interface Operation {
  readonly service: string;
  readonly name: string;
}

/** That spans of an instance of a service came, or that it said so itself. */
export interface Sighting {
  readonly service: string;
  /** Empty where the resource has none. */
  readonly version: string;
  readonly instance: string;
  /** Under the key of a page, which everybody can have: such names never take all the room there is. */
  readonly isPage?: boolean;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** From the first to the last time something was seen. */
export interface Presence {
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
}

export interface SeenService extends Presence {
  readonly name: string;
  readonly versions: readonly ({ readonly version: string } & Presence)[];
  /** How many are listed, and how often one was seen that was not, for want of room. */
  readonly instances: number;
  readonly otherInstances: number;
  /** Seen within `LIVE_MS`, and its last instance has not said goodbye since. */
  readonly live: boolean;
}

export interface SeenInstance extends Presence {
  readonly instance: string;
  readonly version: string;
  readonly live: boolean;
}

/** What one shard's log says a document would have done. */
export interface ShardDryRun {
  readonly would: readonly DryRunCount[];
  /** What was really decided about the same traces. */
  readonly did: readonly DryRunCount[];
  /** Arrival of the first and last slice that was looked at, milliseconds since the epoch; null where there was none. */
  readonly window: { readonly startMs: number; readonly endMs: number } | null;
  readonly traces: number;
  /** The log holds more, older ones, than the bounds allow to look at. */
  readonly isCut: boolean;
}

/** A document as Control holds it. */
export interface ConfigDocument {
  /** Set by Control; grows with every change. */
  readonly version: number;
  /** JSON; null puts the variable `TAILRACE_CONFIG` in force again. */
  readonly text: string | null;
  readonly changedMs: number;
}

/** `document` is null where nothing was ever put, `table` where the variable `TAILRACE_CONFIG` never was right. */
export interface ControlState {
  readonly document: ConfigDocument | null;
  readonly table: RoutingTable | null;
  /** null where they were not asked for, or are those that the asker knows. */
  readonly keys: KeyList | null;
}

export interface ConfigHistory {
  readonly current: ConfigDocument | null;
  readonly previous: ConfigDocument | null;
  readonly table: RoutingTable | null;
}

export type PutResult =
  | { readonly accepted: true; readonly document: ConfigDocument; readonly table: RoutingTable | null }
  | { readonly accepted: false; readonly version: number };

export interface ControlApi {
  /** `keysVersion`: of the keys that the asker knows, -1 for none; null where it does not need them. */
  current(keysVersion: number | null): Promise<ControlState>;
  history(): Promise<ConfigHistory>;
  /**
   * Puts a document in force that the caller has validated, or with null the variable; `variableVersion` is the version that
   * one names. Refused where another version than `expected` is in force.
   */
  put(text: string | null, variableVersion: number, expected: number | null, who: string): Promise<PutResult>;
  keys(): Promise<KeyList>;
  /** False where there are too many. */
  addKey(key: Key, who: string): Promise<boolean>;
  /** Puts a new secret in the place of a key's, which stays valid for `graceMs`. null where there is no such key in use. */
  rotateKey(id: string, hash: string, graceMs: number, who: string): Promise<Key | null>;
  /** False where there is no such key. */
  revokeKey(id: string, who: string): Promise<boolean>;
  /** Puts it on record. */
  note(entry: AuditEntry): Promise<void>;
  /** What is on record before number `before`, or all of it, the newest first. */
  audit(before: number | null, limit: number): Promise<AuditRecord[]>;
  /** What this object has cost since it started. */
  costs(): Promise<Costs>;
}

/** What a shard knows of traces that another asks for, because their slots have moved there. */
export type ClaimResult =
  /** For each id whether the shard has had it; those it has not it will never take in any more. */
  | { readonly known: readonly boolean[] }
  /** The one who asks is behind. */
  | { readonly newer: RoutingTable };

/** Minutes of statistics that a shard has and the store may not. */
export interface UnwrittenStatistics {
  /** What its rows are stored under. */
  readonly shard: string;
  /** Oldest first; each replaces what is stored of this shard's minute. */
  readonly rows: readonly PackedMinute[];
  /** The minute to go on from, where there is more than one answer can carry; else null. */
  readonly nextMs: number | null;
}

/** How far a shard is with handing over. */
export interface Drained {
  /** Nothing in its memory or log belongs to another shard. */
  readonly isDrained: boolean;
  readonly erased: readonly ErasedTrace[];
}

export interface ErasedTrace {
  readonly traceId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** A trace of a list that a search has frozen. */
export interface LiveTrace {
  /** Where it stood when the list was made. */
  readonly key: SortKey;
  /** As it is now; null where it has left the shard: it is stored, or was dropped. */
  readonly summary: TraceSummary | null;
  /** The store may have earlier parts of it. */
  readonly isPart: boolean;
}

export interface LivePage {
  readonly traces: readonly LiveTrace[];
  /** Everything up to this key is in the page, or was dropped; null where nothing is left. */
  readonly reached: SortKey | null;
  /** Nothing is in the list. */
  readonly isEmpty: boolean;
  /** From here on there may be traces that were not looked at; null where all were. */
  readonly cutAt: SortKey | null;
}

export interface FoundLive extends LivePage {
  /** The table that the shard knows; one that is newer than the asker's means that there are other shards to ask. */
  readonly table: RoutingTable | null;
}

export interface LiveTally {
  /** As the store's (`Tally`), of traces that the store has no part of. */
  readonly counts: readonly (readonly number[])[];
  /** Every trace was looked at, and none that matches may be in the store in part. */
  readonly exact: boolean;
  readonly stage: Stage;
  readonly table: RoutingTable | null;
}

/** The last block that was stored; null while one is on its way. As long as it is the same, no trace has left for the store. */
export type Stage = number | null;

/**
 * While the table changes, a shard answers for those that hold a trace in its stead. `isForwarded`: it is another shard that
 * asks, for what this one has itself.
 */
export interface ShardApi {
  /**
   * Commits the slices of a frame (`model/append-frame.ts`), here or at the shards that hold their traces. `table` is what
   * the sender knows; `hops` the number of shards that have passed it on.
   */
  append(frame: Uint8Array, table: RoutingTable, hops?: number): Promise<AppendResult>;
  /** What this shard has of traces, 16 bytes each, that begin to belong to another one under `table`. Durable. */
  claim(ids: Uint8Array, table: RoutingTable): Promise<ClaimResult>;
  /** Takes note of a table, durably. */
  drain(table: RoutingTable): Promise<Drained>;
  /** Takes note of traces that were erased elsewhere. */
  takeErased(traces: readonly ErasedTrace[]): Promise<void>;
  /** What comes after `after`, which is null or what the last answer gave as `next`. */
  get(traceId: string, after: Place | null, isForwarded?: boolean): Promise<ShardTrace | null>;
  /** Keeps a live or dropped trace. False when the shard has nothing of it. */
  keep(traceId: string, isForwarded?: boolean): Promise<boolean>;
  /** Drops a trace for good: it is not answered any more, and nothing of it that comes late is kept. */
  erase(traceId: string, isForwarded?: boolean): Promise<void>;
  /** What a valid document would have kept of the traces in the log, the newest of them where there are many. */
  dryRun(text: string): Promise<ShardDryRun>;
  /** Freezes the list of all live and kept-but-not-stored traces that match, under a number that the asker has made up; its first page. */
  search(search: TraceSearch, list: number): Promise<FoundLive>;
  /** A further page of a list; null where it is not known any more. */
  searchOn(list: number, after: SortKey, limit: number): Promise<LivePage | null>;
  /** Which of the traces are in a list; null where it is not known any more. It is good for an hour if it `persists`, else given up. */
  areListed(list: number, traceIds: readonly string[], persists: boolean): Promise<readonly boolean[] | null>;
  /** Live and kept-but-not-stored traces that match, by the cells of a grid. */
  tally(search: TraceSearch, grid: TallyGrid): Promise<LiveTally>;
  stage(): Promise<Stage>;
  catalog(): Promise<Operation[]>;
  /** What is counted of the minutes from `fromMs` to before `toMs` and may not be stored. Asked before the store is. */
  unwrittenStatistics(fromMs: number, toMs: number, grain: Grain): Promise<UnwrittenStatistics>;
  /** Answers once the shard has started. */
  ping(): Promise<void>;
  metrics(): Promise<ShardMetrics>;
}

/** Counters of the isolates, by name and label: `{'tailrace_spans_rejected_total{reason="invalid_trace_id"}': 3}`. */
export type CounterDeltas = Readonly<Record<string, number>>;

export interface LeaseAsk {
  /** Key, by its id, or secret, by its name, under which the request came that needs them. */
  readonly who: string;
  /** Fewer are of no use. */
  readonly needed: number;
  readonly wanted: number;
  /** Of the reserve too, and whatever its share is. */
  readonly isUrgent: boolean;
}

export interface FairLease extends Lease {
  /** Who asks took more than a fair share of what was lately let in. */
  readonly isAboveShare: boolean;
}

export interface LedgerApi {
  /** Takes in what an isolate has counted and whom it has seen. */
  add(deltas: CounterDeltas, sightings?: readonly Sighting[]): Promise<void>;
  read(): Promise<CounterDeltas>;
  /** An instance says that it is there, or that it will not come again. */
  hello(sighting: Omit<Sighting, 'atMs'>): Promise<void>;
  goodbye(sighting: Omit<Sighting, 'atMs'>): Promise<void>;
  services(): Promise<SeenService[]>;
  instances(service: string): Promise<SeenInstance[]>;
  /** Tokens for spans to take in. `taken`: whom the isolate has let in since it last asked. */
  lease(spansPerSecond: number, ask: LeaseAsk, taken: Taken): Promise<FairLease>;
  /** The same of what a key, by its id, may take in. */
  leaseKey(key: string, limits: KeyLimits, needed: number, wanted: number): Promise<KeyLease>;
  /** A sample of rejected spans, to be kept where there was not just another. */
  quarantine(spans: readonly RejectedSpan[]): Promise<void>;
  /** Newest first, those with an id less than `before`. */
  readQuarantine(before: number | null, limit: number): Promise<QuarantinedSpan[]>;
}
