/**
 * A shard: one Durable Object that holds many traces. It only wires the stages together - journal, completion,
 * decisions, storing - and owns the one alarm.
 */

import { DurableObject } from 'cloudflare:workers';
import { splitAppendFrame } from '../model/append-frame.ts';
import { MAX_LOG_ROW_BYTES, MAX_READ_BYTES } from '../model/limits.ts';
import type { TraceSearch } from '../model/query/conditions.ts';
import type { RoutingTable } from '../model/routing.ts';
import { splitFrame } from '../model/slice-frame.ts';
import type { Grain } from '../model/statistics-sum.ts';
import { storeBindings } from '../store/bindings.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { meterBindings } from '../store/meter.ts';
import type { SortKey, TallyGrid } from '../store/store.ts';
import { type AppendResult, taken, worst } from './append-result.ts';
import { Catalog } from './catalog.ts';
import { parseConfig } from './config.ts';
import { ConfigSource, type CurrentConfig } from './config-source.ts';
import { CostMeter, meterEvents } from './cost-meter.ts';
import { createSampler } from './decide.ts';
import { Deciding } from './deciding.ts';
import { Drainage } from './drainage.ts';
import { dryRunLog } from './dry-run-log.ts';
import type { Env } from './env.ts';
import { Erased } from './erased.ts';
import { type FrozenList, FrozenLists, freeze, whichAreIn } from './frozen-lists.ts';
import { GroupCommit } from './group-commit.ts';
import { HeadCursor } from './head-cursor.ts';
import { Journal } from './journal.ts';
import { readKnownConfig, writeKnownConfig } from './known-config.ts';
import { KnownTable } from './known-table.ts';
import { pageOfList } from './live-page.ts';
import type { Place } from './log.ts';
import { pressureLevel } from './pressure.ts';
import type {
  ClaimResult,
  Drained,
  ErasedTrace,
  FoundLive,
  LivePage,
  LiveTally,
  Operation,
  ShardApi,
  ShardDryRun,
  ShardMetrics,
  ShardTrace,
  Stage,
  UnwrittenStatistics,
} from './protocol.ts';
import { readTrace } from './read-trace.ts';
import { type EncodedRecord, encodeAppend } from './records.ts';
import { knownOf, Rerouting, shardNumberOf } from './rerouting.ts';
import { searchLive } from './search.ts';
import { Steps } from './steps.ts';
import { Storing } from './storing.ts';
import { tallyFound } from './tally.ts';
import { parseWords } from './trace-words.ts';
import { Turns } from './turns.ts';

/** Under load, appends look for due decisions this often; alarms alone come too seldom. */
const DECIDE_INTERVAL_MS = 100;
/** While appends do what is due, an alarm comes after so many times `alarmMs`: only the last of it may be left to do. */
const STEADY_ALARMS = 6;
const OVERLOAD_RETRY_MS = 5_000;
/** Shards that an append may be passed on by while tables change one after the other. */
const MAX_HOPS = 4;
const REROUTE_RETRY_MS = 1_000;
/** Appends that wait for a commit, and those that wait for other shards; beyond, the shard refuses. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Largest frame in one log record. */
const MAX_FRAME_BYTES = MAX_LOG_ROW_BYTES - 1_024;

/** A search answers by then with what it has found. */
const SEARCH_MS = 4_000;

/** An append as it waits for its commit. */
interface Pending {
  readonly record: EncodedRecord;
  readonly heads: HeadCursor;
  readonly checked: Checked;
}

/** The table by which an append's traces are this shard's. */
interface Checked {
  readonly version: number;
  /** Another table came first: it was not written. */
  isOutdated: boolean;
}

export class TraceShard extends DurableObject<Env> implements ShardApi {
  readonly meter = new CostMeter(() => performance.now());
  private readonly source: ConfigSource;
  private readonly known: KnownTable;
  private readonly rerouting: Rerouting;
  private readonly drainage: Drainage;
  private readonly erased: Erased;
  private readonly catalogue: Catalog;
  private readonly lists: FrozenLists;
  private readonly turns = new Turns((work) => setTimeout(work, 0));
  private readonly journal: Journal;
  private readonly deciding: Deciding;
  private readonly storing: Storing;
  private readonly group: GroupCommit<Pending>;
  private alarmAtMs: number | null = null;
  private lastAlarmMs = 0;
  /** At the last alarm appends did what was due. */
  private isSteady = false;
  private lastDecideMs = 0;
  /** When decisions last came with an append. */
  private appendsDecidedMs = 0;
  private refusedAppends = 0;
  /** Of appends that wait for other shards. */
  private reroutedBytes = 0;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.meter.watch(state.storage);
    const { sql } = state.storage;
    const sync = () => state.storage.sync().catch((error) => this.restart(error));
    this.known = new KnownTable(sql);
    this.source = new ConfigSource(env.TAILRACE_CONFIG, readKnownConfig(sql), this.known.table);
    this.rerouting = new Rerouting({
      self: shardNumberOf(state.id, (name) => env.TRACE_SHARD.idFromName(name)),
      table: () => this.config.table,
      adopt: (table) => this.adopt(table),
      knows: (id) => this.erased.hasWords(id) || this.journal.knows(id),
      shard: (number) => env.TRACE_SHARD.getByName(`shard-${number}`),
    });
    this.erased = new Erased(sql, Date.now());
    this.catalogue = new Catalog(sql);
    this.lists = new FrozenLists(sql);
    this.journal = new Journal({
      sql,
      nowMs: Date.now(),
      seed: Math.floor(Math.random() * 2 ** 32),
      maxBytes: () => this.config.log.bytes,
      meter: this.meter,
      atomically: (work) => {
        try {
          return state.storage.transactionSync(work);
        } catch (error) {
          return this.restart(error);
        }
      },
      seen: (service, operation) => {
        this.catalogue.see(service, operation);
        const { services, operations } = this.config.critical;
        return services.includes(service) || operations.includes(operation);
      },
      appended: (live, trace, nowMs) => {
        // While the log is replayed nothing is decided; all of it is looked at then.
        if (this.deciding) this.deciding.appended(live, trace, nowMs);
        else live.deadlines.set(trace, nowMs);
      },
    });
    this.drainage = new Drainage(this.journal, (id) => this.rerouting.isMoved(...id), Date.now());
    this.deciding = new Deciding(this.journal, this.config, createSampler(this.config), this.erased);
    this.storing = new Storing({
      journal: this.journal,
      store: createD1R2Store(meterBindings(storeBindings(env), this.meter.count)),
      shardName: state.id.toString().slice(0, 16),
      sync,
      now: Date.now,
      random: Math.random,
      // What is stored leaves memory.
      blockMs: () => (this.deciding.level > 0 ? 0 : this.config.storing.blockMs),
    });
    this.group = new GroupCommit((waiting) => {
      const nowMs = Date.now();
      const { version } = this.config.table;
      for (const { checked } of waiting) checked.isOutdated = checked.version !== version;
      const pending = waiting.filter(({ checked }) => !checked.isOutdated);
      if (pending.length === 0) return;
      // In the row of what has come: one of their own would cost as much as that.
      const isDecideDue = nowMs - this.lastDecideMs >= DECIDE_INTERVAL_MS;
      if (isDecideDue) this.lastDecideMs = nowMs;
      const decisions = isDecideDue ? this.takeDue(nowMs) : [];
      if (decisions.length > 0) this.appendsDecidedMs = nowMs;
      this.journal.write([...decisions, ...pending.map(({ record }) => record)], nowMs, [
        ...decisions.map(() => null),
        ...pending.map(({ heads }) => heads),
      ]);
      this.storeWhenFull();
    }, sync);
    this.armAlarm(this.nextWorkMs());
  }

  /** Least time from the last alarm to the next. */
  private get alarmSpacingMs(): number {
    return this.config.alarmMs * (this.isSteady && this.deciding.level === 0 ? STEADY_ALARMS : 1);
  }

  private get config(): CurrentConfig {
    return this.source.config;
  }

  async append(frame: Uint8Array, table: RoutingTable, hops = 0): Promise<AppendResult> {
    const nowMs = Date.now();
    if (this.source.isStale(nowMs)) void this.meter.awake(() => this.refreshConfig(nowMs));
    this.adopt(table);
    return this.rerouting.isSettled(table) ? this.commit(frame, table.version, hops) : this.reroute(frame, hops);
  }

  /** Takes in what is this shard's own by this version of the table. */
  private async commit(frame: Uint8Array, version: number, hops: number): Promise<AppendResult> {
    const nowMs = Date.now();
    // Decisions make room.
    if (this.isFull(frame.length) && nowMs - this.lastDecideMs >= DECIDE_INTERVAL_MS) this.decideDue(nowMs);
    if (this.isFull(frame.length)) {
      this.armAlarm(nowMs);
      return this.refuse(OVERLOAD_RETRY_MS);
    }
    const checked: Checked = { version, isOutdated: false };
    const { heads, slices } = splitAppendFrame(frame);
    const cursor = new HeadCursor(heads, this.journal.live.operations);
    const parts = splitFrame(slices, MAX_FRAME_BYTES);
    await this.group.commit(
      parts.map((part) => ({ record: encodeAppend(nowMs, part), heads: cursor, checked })),
      frame.length,
    );
    if (checked.isOutdated) return this.reroute(frame, hops + 1);
    // No decision of what came now is due before it has been quiet.
    this.armAlarm(nowMs + this.config.quietMs);
    return taken(this.pressure);
  }

  /** Takes in what is this shard's, and passes on what is others', while the table changes. */
  private async reroute(frame: Uint8Array, hops: number): Promise<AppendResult> {
    // Without a table nobody can say what is whose.
    if (this.config.table.version === 0 || hops > MAX_HOPS) return this.refuse(REROUTE_RETRY_MS);
    if (this.reroutedBytes + frame.length > MAX_WAITING_BYTES) return this.refuse(REROUTE_RETRY_MS);
    this.reroutedBytes += frame.length;
    try {
      const { version, frames } = await this.rerouting.split(frame);
      const { table } = this.config;
      const results = await Promise.all(
        [...frames].map(([shard, share]) =>
          shard === this.rerouting.self
            ? this.commit(share, version, hops)
            : this.env.TRACE_SHARD.getByName(`shard-${shard}`).append(share, table, hops + 1),
        ),
      );
      return worst(results);
    } finally {
      this.reroutedBytes -= frame.length;
    }
  }

  private refuse(retryAfterMs: number): AppendResult {
    this.refusedAppends++;
    return retryAfterMs;
  }

  async claim(ids: Uint8Array, table: RoutingTable): Promise<ClaimResult> {
    this.adopt(table);
    const { table: own } = this.config;
    if (own.version > table.version) return { newer: own };
    const known = knownOf(ids, (id) => this.erased.hasWords(id) || this.journal.knows(id));
    // Once this is answered, not even a crash may let any of the others in.
    await this.ctx.storage.sync().catch((error) => this.restart(error));
    return { known };
  }

  async drain(table: RoutingTable): Promise<Drained> {
    this.adopt(table);
    const isDrained = this.drainage.look(this.config.table.version, Date.now());
    await this.ctx.storage.sync().catch((error) => this.restart(error));
    return { isDrained, erased: this.erased.list() };
  }

  async takeErased(traces: readonly ErasedTrace[]): Promise<void> {
    for (const { traceId, atMs } of traces) this.erased.add(traceId, atMs);
    await this.ctx.storage.sync().catch((error) => this.restart(error));
  }

  async get(traceId: string, after: Place | null, isForwarded = false): Promise<ShardTrace | null> {
    const found = this.read(traceId, after);
    if (found || isForwarded || this.erased.has(traceId)) return found;
    for (const other of await this.others(traceId)) {
      const elsewhere = await other.get(traceId, after, true);
      if (elsewhere) return elsewhere;
    }
    return null;
  }

  /** Other shards that may hold a trace. Who was never told of a table asks for it: it may be a new owner. */
  private async others(traceId: string) {
    if (this.config.table.version === 0) await this.refreshConfig(Date.now());
    return this.rerouting.others(traceId);
  }

  private read(traceId: string, after: Place | null): ShardTrace | null {
    return this.erased.has(traceId) ? null : readTrace(this.journal, traceId, after);
  }

  async search(search: TraceSearch, list: number): Promise<FoundLive> {
    const nowMs = Date.now();
    const steps = this.steps(nowMs);
    const found = await searchLive(this.journal, search, steps);
    const frozen = await freeze(search.order, found, nowMs, steps);
    this.lists.add(list, frozen);
    return { ...(await this.pageOf(frozen, search, nowMs)), table: this.source.table };
  }

  async searchOn(list: number, after: SortKey, limit: number): Promise<LivePage | null> {
    const nowMs = Date.now();
    const frozen = this.lists.get(list, nowMs);
    return frozen && this.pageOf(frozen, { after, limit }, nowMs);
  }

  async areListed(list: number, traceIds: readonly string[], persists: boolean): Promise<readonly boolean[] | null> {
    const nowMs = Date.now();
    const frozen = this.lists.get(list, nowMs);
    if (!frozen) return null;
    if (persists) this.lists.persist(list, frozen, nowMs);
    else this.lists.forget(list);
    return whichAreIn(frozen, traceIds);
  }

  async tally(search: TraceSearch, grid: TallyGrid): Promise<LiveTally> {
    const steps = this.steps(Date.now());
    const stage = await this.stage();
    const found = await searchLive(this.journal, search, steps);
    const tally = await tallyFound(found, grid, (words) => this.erased.hasWords(words), steps);
    return { ...tally, stage, table: this.source.table };
  }

  async stage(): Promise<Stage> {
    const { sealed, lastBlock } = this.journal.live;
    return sealed ? null : lastBlock;
  }

  private pageOf(list: FrozenList, page: { after?: SortKey; limit: number }, nowMs: number): Promise<LivePage> {
    return pageOfList(this.journal, list, page, (traceId) => this.erased.has(traceId), this.steps(nowMs));
  }

  private steps(startedMs: number): Steps {
    return new Steps({ turn: this.turns.take, isLate: () => Date.now() - startedMs > SEARCH_MS });
  }

  async keep(traceId: string, isForwarded = false): Promise<boolean> {
    const nowMs = Date.now();
    if (this.erased.has(traceId)) return false;
    if (!this.deciding.keep(parseWords(traceId), nowMs)) {
      if (isForwarded) return false;
      for (const other of await this.others(traceId)) if (await other.keep(traceId, true)) return true;
      return false;
    }
    await this.ctx.storage.sync().catch((error) => this.restart(error));
    this.armAlarm(nowMs);
    return true;
  }

  async erase(traceId: string, isForwarded = false): Promise<void> {
    const nowMs = Date.now();
    // First: from here on nothing of it is kept, whatever happens next.
    this.erased.add(traceId, nowMs);
    this.deciding.erase(parseWords(traceId), nowMs);
    await this.ctx.storage.sync().catch((error) => this.restart(error));
    if (isForwarded) return;
    const others = await this.others(traceId);
    await Promise.all(others.map((other) => other.erase(traceId, true)));
  }

  async dryRun(text: string): Promise<ShardDryRun> {
    const { shards } = this.config;
    return dryRunLog(this.journal.log, { ...parseConfig(text), shards }, Date.now());
  }

  async catalog(): Promise<Operation[]> {
    return this.catalogue.list();
  }

  async unwrittenStatistics(fromMs: number, toMs: number, grain: Grain): Promise<UnwrittenStatistics> {
    const rows = this.storing.unwrittenStatistics(fromMs, toMs, grain);
    let bytes = 0;
    const fits = rows.findIndex((row, i) => {
      bytes += row.bytes.length;
      return i > 0 && bytes > MAX_READ_BYTES;
    });
    const shard = this.storing.shardName;
    if (fits < 0) return { shard, rows, nextMs: null };
    return { shard, rows: rows.slice(0, fits), nextMs: rows[fits]!.minuteMs };
  }

  async ping(): Promise<void> {}

  async metrics(): Promise<ShardMetrics> {
    const { live, log, decided } = this.journal;
    const [oldest] = live.outbox;
    const { liveSpans, outboxSpans, copies } = live.gauges();
    return {
      counters: { ...live.counters, mergedSpans: live.counters.mergedSpans + copies },
      liveTraces: live.undecidedCount,
      movedTraces: this.drainage.countMoved(),
      liveSpans,
      liveBytes: live.bytes,
      outboxTraces: live.outbox.size,
      outboxSpans,
      oldestUnstoredMs: oldest === undefined ? 0 : Date.now() - (live.traces.decision[oldest]?.decidedUs ?? 0) / 1000,
      logBytes: log.bytes,
      storeFailures: this.storing.failures,
      isStoreOpen: this.storing.isOpen,
      pressure: this.deciding.level,
      earlyTraces: this.deciding.earlyTraces,
      refusedAppends: this.refusedAppends,
      rememberedDecisions: decided.count,
      forgottenDecisions: decided.evicted,
      statistics: { ...this.journal.statistics.counters },
      otherOperations: live.operations.overflowed,
      costs: this.meter.totals(),
    };
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    this.alarmAtMs = null;
    this.lastAlarmMs = nowMs;
    this.isSteady = nowMs - this.appendsDecidedMs < this.config.alarmMs;
    try {
      if (this.source.isStale(nowMs)) await this.refreshConfig(nowMs);
      this.decideDue(Date.now());
      // What would have to be stored before the next alarm may come goes with this one.
      await this.storing.run(Date.now() + this.alarmSpacingMs);
      this.journal.maintain(Date.now());
    } finally {
      // Whatever failed: the platform repeats an alarm a few times, and then never again.
      this.armAlarm(this.nextWorkMs());
    }
  }

  /** What has come is written, though a look at what came before fails. */
  private takeDue(nowMs: number): EncodedRecord[] {
    try {
      return this.deciding.takeDue(nowMs);
    } catch (error) {
      console.error(`decisions wait: ${(error as Error).message}`);
      return [];
    }
  }

  private decideDue(nowMs: number): void {
    this.lastDecideMs = nowMs;
    this.deciding.decideDue(nowMs);
    this.storeWhenFull();
  }

  /** Under load blocks are stored as they fill: all at once would hold everything up. */
  private storeWhenFull(): void {
    if (this.storing.isFull) void this.meter.awake(() => this.storing.run(Date.now()));
  }

  private async refreshConfig(nowMs: number): Promise<void> {
    const { document, table } = await this.source.refresh(this.env, nowMs);
    if (document) {
      writeKnownConfig(this.ctx.storage.sql, document);
      this.deciding.reconfigure(this.config, createSampler(this.config));
    }
    if (table) this.adopt(table);
  }

  /** Puts a newer table in force. What a caller is told after that must wait until it is durable. */
  private adopt(table: RoutingTable): void {
    const { shards } = this.config;
    if (table.version <= this.config.table.version) return;
    this.known.set(table);
    this.source.adopt(table);
    this.drainage.changed(Date.now());
    // The rules share their limits out among the shards.
    if (table.shards !== shards) this.deciding.reconfigure(this.config, createSampler(this.config));
  }

  /** By what there is least room for: traces, or appends that wait. */
  private get pressure(): number {
    return Math.max(this.deciding.level, pressureLevel(this.group.waitingBytes, MAX_WAITING_BYTES));
  }

  private isFull(frameBytes: number): boolean {
    return (
      this.deciding.feelPressure() === 4 ||
      this.journal.isFull ||
      this.group.waitingBytes + frameBytes > MAX_WAITING_BYTES
    );
  }

  /** When there is something to do next, milliseconds since the epoch; null when nothing waits. */
  private nextWorkMs(): number | null {
    const times = [this.journal.nextDueMs(), this.journal.live.deadlines.earliestMs(), this.storing.dueMs()];
    const known = times.filter((time) => time !== null);
    return known.length > 0 ? Math.min(...known) : null;
  }

  /** Sets the one alarm for `atMs`, not too soon after the last; a sooner one that is set stands. */
  private armAlarm(atMs: number | null): void {
    if (atMs === null) return;
    const spacedMs = Math.max(atMs, Date.now(), this.lastAlarmMs + this.alarmSpacingMs);
    if (this.alarmAtMs !== null && this.alarmAtMs <= spacedMs) return;
    this.alarmAtMs = spacedMs;
    this.ctx.storage.setAlarm(spacedMs).catch((error) => this.ctx.abort(String(error)));
  }

  /** Storage has failed, and memory may be ahead of it: begins again from the log. */
  private restart(cause: unknown): never {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    console.error(`a shard starts again: ${error.message}`);
    this.ctx.abort(error.message);
    throw error;
  }
}

meterEvents<ShardApi & Pick<TraceShard, 'alarm'>>(TraceShard.prototype, {
  append: 'object_calls',
  claim: 'object_calls',
  drain: 'object_calls',
  takeErased: 'object_calls',
  get: 'object_calls',
  keep: 'object_calls',
  erase: 'object_calls',
  dryRun: 'object_calls',
  search: 'object_calls',
  searchOn: 'object_calls',
  areListed: 'object_calls',
  tally: 'object_calls',
  stage: 'object_calls',
  catalog: 'object_calls',
  unwrittenStatistics: 'object_calls',
  ping: 'object_calls',
  metrics: 'object_calls',
  alarm: 'object_alarms',
});
