/**
 * A shard: one Durable Object that holds many traces. It only wires the stages together - journal, completion,
 * decisions, storing - and owns the one alarm.
 */

import { DurableObject } from 'cloudflare:workers';
import { splitAppendFrame } from '../model/append-frame.ts';
import { MAX_LOG_ROW_BYTES, MAX_READ_BYTES } from '../model/limits.ts';
import { concatBytes, splitFrame } from '../model/slice-frame.ts';
import type { TraceSummary } from '../model/span.ts';
import { storeBindings } from '../store/bindings.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import type { TraceQuery } from '../store/store.ts';
import { Catalog } from './catalog.ts';
import { type Config, parseConfig } from './config.ts';
import { ConfigSource } from './config-source.ts';
import { createSampler } from './decide.ts';
import { Deciding } from './deciding.ts';
import { dryRunLog } from './dry-run-log.ts';
import type { Env } from './env.ts';
import { Erased } from './erased.ts';
import { GroupCommit } from './group-commit.ts';
import { HeadCursor } from './head-cursor.ts';
import { Journal } from './journal.ts';
import { readKnownConfig, writeKnownConfig } from './known-config.ts';
import type { Place } from './log.ts';
import type { AppendResult, Operation, ShardApi, ShardDryRun, ShardMetrics, ShardTrace } from './protocol.ts';
import { encodeAppend } from './records.ts';
import { searchLive } from './search.ts';
import { Storing } from './storing.ts';
import { parseWords } from './trace-words.ts';

/** Under load, appends look for due decisions this often; alarms alone come too seldom. */
const DECIDE_INTERVAL_MS = 100;
/** Kept traces that make it worth while to store a block before the next alarm. */
const FULL_BLOCK_TRACES = 500;
const OVERLOAD_RETRY_MS = 5_000;
/** Appends that wait for a commit; beyond, the shard refuses. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Largest frame in one log record. */
const MAX_FRAME_BYTES = MAX_LOG_ROW_BYTES - 1_024;

/** An append as it waits for its commit. */
interface Pending {
  readonly record: Uint8Array;
  readonly heads: HeadCursor;
}

export class TraceShard extends DurableObject<Env> implements ShardApi {
  private readonly source: ConfigSource;
  private readonly erased: Erased;
  private readonly catalogue: Catalog;
  private readonly journal: Journal;
  private readonly deciding: Deciding;
  private readonly storing: Storing;
  private readonly group: GroupCommit<Pending>;
  private alarmAtMs: number | null = null;
  private lastAlarmMs = 0;
  private lastDecideMs = 0;
  private refusedAppends = 0;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const { sql } = state.storage;
    const sync = () => state.storage.sync().catch((error) => this.restart(error));
    this.source = new ConfigSource(env.TAILRACE_CONFIG, readKnownConfig(sql));
    this.erased = new Erased(sql, Date.now());
    this.catalogue = new Catalog(sql);
    this.journal = new Journal({
      sql,
      nowMs: Date.now(),
      seed: Math.floor(Math.random() * 2 ** 32),
      maxBytes: () => this.config.log.bytes,
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
    this.deciding = new Deciding(this.journal, this.config, createSampler(this.config), this.erased);
    this.storing = new Storing({
      journal: this.journal,
      store: createD1R2Store(storeBindings(env)),
      shardName: state.id.toString().slice(0, 16),
      sync,
      now: Date.now,
      random: Math.random,
    });
    this.group = new GroupCommit((pending) => {
      this.journal.write(
        pending.map(({ record }) => record),
        Date.now(),
        pending.map(({ heads }) => heads),
      );
    }, sync);
    this.armAlarm(this.nextWorkMs());
  }

  private get config(): Config {
    return this.source.config;
  }

  async append(frame: Uint8Array): Promise<AppendResult> {
    const nowMs = Date.now();
    if (this.source.isStale(nowMs)) void this.refreshConfig(nowMs);
    if (nowMs - this.lastDecideMs >= DECIDE_INTERVAL_MS) this.decideDue(nowMs);
    if (this.isFull(frame.length)) {
      this.refusedAppends++;
      this.armAlarm(nowMs);
      return { accepted: false, retryAfterMs: OVERLOAD_RETRY_MS };
    }
    const { heads, slices } = splitAppendFrame(frame);
    const cursor = new HeadCursor(heads, this.journal.live.operations);
    const parts = splitFrame(slices, MAX_FRAME_BYTES);
    await this.group.commit(
      parts.map((part) => ({ record: encodeAppend(nowMs, part), heads: cursor })),
      frame.length,
    );
    // No decision of what came now is due before it has been quiet.
    this.armAlarm(nowMs + this.config.quietMs);
    return { accepted: true };
  }

  async get(traceId: string, after: Place | null): Promise<ShardTrace | null> {
    if (this.erased.has(traceId)) return null;
    const { live } = this.journal;
    const id = parseWords(traceId);
    const trace = live.find(traceId);
    const decision = trace === -1 ? this.journal.findDecision(id)?.decision : live.traces.decision[trace];
    if (trace === -1 && !decision) return null;
    const state = decision ? (decision.keep ? 'kept' : 'dropped') : 'live';
    // What of a kept trace is settled is in the store.
    const unsettled = trace === -1 ? [] : live.places(trace);
    const places = (state === 'kept' ? unsettled : this.journal.findSlices(id))
      .filter((place) => isAfter(place, after))
      .sort((a, b) => (isAfter(a, b) ? 1 : -1));
    let bytes = 0;
    const page = places.filter(({ start, end }, i) => {
      bytes += end - start;
      return i === 0 || bytes <= MAX_READ_BYTES;
    });
    return {
      state,
      decision: decision ?? null,
      isLive: trace !== -1,
      otlp: concatBytes(page.map(this.journal.readSlice)),
      next: page.length < places.length ? page.at(-1)! : null,
    };
  }

  async search(query: TraceQuery): Promise<TraceSummary[]> {
    return searchLive(this.journal.live, query).filter(({ traceId }) => !this.erased.has(traceId));
  }

  async keep(traceId: string): Promise<boolean> {
    const nowMs = Date.now();
    if (this.erased.has(traceId) || !this.deciding.keep(parseWords(traceId), nowMs)) return false;
    await this.ctx.storage.sync().catch((error) => this.restart(error));
    this.armAlarm(nowMs);
    return true;
  }

  async erase(traceId: string): Promise<void> {
    const nowMs = Date.now();
    // First: from here on nothing of it is kept, whatever happens next.
    this.erased.add(traceId, nowMs);
    this.deciding.erase(parseWords(traceId), nowMs);
    await this.ctx.storage.sync().catch((error) => this.restart(error));
  }

  async dryRun(text: string): Promise<ShardDryRun> {
    return dryRunLog(this.journal.log, parseConfig(text), Date.now());
  }

  async catalog(): Promise<Operation[]> {
    return this.catalogue.list();
  }

  async metrics(): Promise<ShardMetrics> {
    const { live, log, decided } = this.journal;
    const [oldest] = live.outbox;
    const { liveSpans, outboxSpans, copies } = live.gauges();
    return {
      counters: { ...live.counters, mergedSpans: live.counters.mergedSpans + copies },
      liveTraces: live.undecidedCount,
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
    };
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    this.alarmAtMs = null;
    this.lastAlarmMs = nowMs;
    try {
      if (this.source.isStale(nowMs)) await this.refreshConfig(nowMs);
      this.decideDue(Date.now());
      await this.storing.run();
      this.journal.maintain(Date.now());
    } finally {
      // Whatever failed: the platform repeats an alarm a few times, and then never again.
      this.armAlarm(this.nextWorkMs());
    }
  }

  private decideDue(nowMs: number): void {
    this.lastDecideMs = nowMs;
    this.deciding.decideDue(nowMs);
    // Under load blocks are stored as they fill: all at once would hold everything up.
    if (this.journal.live.outbox.size >= FULL_BLOCK_TRACES) void this.storing.run();
  }

  private async refreshConfig(nowMs: number): Promise<void> {
    const document = await this.source.refresh(this.env, nowMs);
    if (!document) return;
    writeKnownConfig(this.ctx.storage.sql, document);
    this.deciding.reconfigure(this.config, createSampler(this.config));
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
    const { live } = this.journal;
    const times = [this.journal.nextDueMs(), live.deadlines.earliestMs()];
    if (live.outbox.size > 0 || live.sealed) times.push(this.storing.nextMs);
    const known = times.filter((time) => time !== null);
    return known.length > 0 ? Math.min(...known) : null;
  }

  /** Sets the one alarm for `atMs`, no sooner than `alarmMs` after the last; a sooner one that is set stands. */
  private armAlarm(atMs: number | null): void {
    if (atMs === null) return;
    const spacedMs = Math.max(atMs, Date.now(), this.lastAlarmMs + this.config.alarmMs);
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

function isAfter(place: Place, after: Place | null): boolean {
  if (!after) return true;
  if (place.bucket !== after.bucket) return place.bucket > after.bucket;
  return place.row !== after.row ? place.row > after.row : place.start > after.start;
}
