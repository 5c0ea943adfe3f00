/**
 * A shard: one Durable Object that holds many traces. It only wires the stages together - log, live traces, completion,
 * decisions, outbox - and owns the one alarm.
 */

import { DurableObject } from 'cloudflare:workers';
import {
  BUCKET_MAX_BYTES,
  MAX_INDEXED_TRACES,
  MAX_LIVE_SPANS,
  MAX_LOG_BYTES,
  MAX_LOG_ROW_BYTES,
  MAX_READ_BYTES,
} from '../model/limits.ts';
import { concatBytes, splitFrame } from '../model/slice-frame.ts';
import type { TraceSummary } from '../model/span.ts';
import { storeBindings } from '../store/bindings.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { StoreError } from '../store/errors.ts';
import type { Store, TraceQuery } from '../store/store.ts';
import { carryRecords } from './carry.ts';
import { Catalog } from './catalog.ts';
import { decideByMs } from './completion.ts';
import { type Config, parseConfig } from './config.ts';
import { readBase, writeBase } from './counters.ts';
import { decide } from './decide.ts';
import type { Env } from './env.ts';
import { GroupCommit } from './group-commit.ts';
import { LiveTraces } from './live-traces.ts';
import { Log, type Place } from './log.ts';
import { blockParts, planBlock } from './outbox.ts';
import type { AppendResult, Operation, ShardApi, ShardMetrics, ShardTrace } from './protocol.ts';
import { DECIDE, type DecideRecord, encodeAppend, encodeJsonRecord, SEAL, type SealRecord, STORED } from './records.ts';
import { searchLive } from './search.ts';

/** Work done by one alarm or append, so that no event takes long. */
const MAX_DECISIONS_PER_EVENT = 2_000;
const MAX_BLOCKS_PER_ALARM = 32;
/** Under load, appends look for due decisions this often; alarms alone come too seldom. */
const DECIDE_INTERVAL_MS = 100;
/** Bounds of the wait before storing is tried again after a failure. */
const STORE_RETRY_MIN_MS = 1_000;
const STORE_RETRY_MAX_MS = 60_000;
const OVERLOAD_RETRY_MS = 5_000;
/** Tries of a write that fails for a reason other than an outage, before its block is made smaller. */
const MAX_TRIES = 3;
/** Appends that wait for a commit; beyond, the shard refuses. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Largest frame in one log record. */
const MAX_FRAME_BYTES = MAX_LOG_ROW_BYTES - 1_024;

export class TraceShard extends DurableObject<Env> implements ShardApi {
  private readonly config: Config;
  private readonly store: Store;
  private readonly catalogue: Catalog;
  private readonly traces: LiveTraces;
  private readonly log: Log;
  private readonly group: GroupCommit;
  private readonly readSlice = (place: Place): Uint8Array => this.log.read(place);
  private alarmAtMs: number | null = null;
  private lastAlarmMs = 0;
  private lastDecideMs = 0;
  private storing = false;
  private storeFailures = 0;
  private storeRetryAtMs = 0;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const { sql } = state.storage;
    this.config = parseConfig(env.TAILRACE_CONFIG);
    this.store = createD1R2Store(storeBindings(env));
    this.catalogue = new Catalog(sql);
    const base = readBase(sql);
    this.traces = new LiveTraces({
      base,
      readSlice: this.readSlice,
      seen: (service, operation) => this.catalogue.see(service, operation),
    });
    this.log = new Log(sql, (row, bucket, rowId) => this.traces.applyRow(row, bucket, rowId));
    this.log.replay(base.row);
    this.group = new GroupCommit(
      (records) => this.log.write(records, Date.now()),
      () => state.storage.sync(),
    );
    this.armAlarm(this.nextWorkMs());
  }

  async append(frame: Uint8Array): Promise<AppendResult> {
    const nowMs = Date.now();
    if (nowMs - this.lastDecideMs >= DECIDE_INTERVAL_MS) this.decideDue(nowMs);
    if (this.isFull()) {
      this.armAlarm(nowMs);
      return { accepted: false, retryAfterMs: OVERLOAD_RETRY_MS };
    }
    await this.group.commit(splitFrame(frame, MAX_FRAME_BYTES).map((part) => encodeAppend(nowMs, part)));
    // No decision of what came now is due before it has been quiet.
    this.armAlarm(nowMs + this.config.quietMs);
    return { accepted: true };
  }

  async get(traceId: string, from: number): Promise<ShardTrace | null> {
    const trace = this.traces.get(traceId);
    if (!trace) return null;
    let to = from + 1;
    while (to < trace.slices.length && trace.countBytes(from, to + 1) <= MAX_READ_BYTES) to++;
    return {
      state: trace.state,
      decision: trace.decision,
      otlp: concatBytes(trace.slices.slice(from, to).map(({ place }) => this.readSlice(place))),
      next: to < trace.slices.length ? to : null,
    };
  }

  async search(query: TraceQuery): Promise<TraceSummary[]> {
    return searchLive(this.traces.searchable(), query);
  }

  async catalog(): Promise<Operation[]> {
    return this.catalogue.list();
  }

  async metrics(): Promise<ShardMetrics> {
    return {
      counters: this.traces.counters,
      ...this.traces.gauges(),
      logBytes: this.log.bytes,
      storeFailures: this.storeFailures,
    };
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    this.alarmAtMs = null;
    this.lastAlarmMs = nowMs;
    this.decideDue(nowMs);
    await this.storeKept();
    this.dropDueBuckets(Date.now());
    this.armAlarm(this.nextWorkMs());
  }

  private isFull(): boolean {
    return (
      this.traces.headerCount >= MAX_LIVE_SPANS ||
      this.traces.size >= 2 * MAX_INDEXED_TRACES ||
      this.log.bytes >= MAX_LOG_BYTES + BUCKET_MAX_BYTES ||
      this.group.waitingBytes >= MAX_WAITING_BYTES
    );
  }

  /** Decides from what the log has now, and writes it down at once: nothing awaits between the two. */
  private decideDue(nowMs: number): void {
    this.lastDecideMs = nowMs;
    const due: DecideRecord[] = [];
    for (const trace of this.traces.undecided) {
      if (due.length >= MAX_DECISIONS_PER_EVENT) break;
      if (decideByMs(trace, this.config) > nowMs) continue;
      const { traceId } = trace;
      const decision = trace.decision?.keep
        ? trace.decision
        : decide(traceId, trace.headers!.facts(), this.config, nowMs);
      due.push({ traceId, decision, revision: Math.max(trace.revision + 1, nowMs) });
    }
    if (due.length > 0) this.log.write([encodeJsonRecord(DECIDE, due)], nowMs);
  }

  /** Stores what is kept, block by block: seal it in the log, write it, note in the log that it is written. */
  private async storeKept(): Promise<void> {
    if (this.storing || Date.now() < this.storeRetryAtMs) return;
    this.storing = true;
    try {
      for (let i = 0; i < MAX_BLOCKS_PER_ALARM; i++) {
        const seal = this.traces.sealed ?? (await this.sealBlock());
        if (!seal) break;
        await this.store.write(seal.key, blockParts(this.traces, seal, this.readSlice, this.log.sinceMs));
        this.log.write([encodeJsonRecord(STORED, { block: seal.block, unstorable: false })], Date.now());
        this.storeFailures = 0;
      }
    } catch (error) {
      this.storeFailures++;
      const waitMs = Math.min(STORE_RETRY_MAX_MS, STORE_RETRY_MIN_MS * 2 ** this.storeFailures);
      this.storeRetryAtMs = Date.now() + waitMs * (0.5 + Math.random() / 2);
      console.error(`storing a block failed ${this.storeFailures} times: ${(error as Error).message}`);
      await this.replan(error);
    } finally {
      this.storing = false;
    }
  }

  /** After a failed write: what no repeat can mend gets a new key, or is narrowed down until it stands alone. */
  private async replan(error: unknown): Promise<void> {
    const { sealed } = this.traces;
    const fault = error instanceof StoreError ? error.fault : null;
    if (!sealed || fault === 'unavailable' || fault === 'contended') return;
    // Something else stands under the key, and always will.
    if (fault === 'block_conflict' || fault === 'block_corrupt') await this.sealBlock();
    else if (this.storeFailures < MAX_TRIES) return;
    else if (sealed.traces.length > 1) await this.sealBlock(sealed.traces.length >> 1);
    else this.log.write([encodeJsonRecord(STORED, { block: sealed.block, unstorable: true })], Date.now());
  }

  /** Writes down what the next block will hold, before anything of it is written elsewhere; null when nothing waits. */
  private async sealBlock(maxTraces?: number): Promise<SealRecord | null> {
    const nowMs = Date.now();
    const seal = planBlock(this.traces, this.ctx.id.toString().slice(0, 16), nowMs, maxTraces);
    if (!seal) return null;
    this.log.write([encodeJsonRecord(SEAL, seal)], nowMs);
    await this.ctx.storage.sync();
    return seal;
  }

  /** Drops buckets that are due. Carrying, folding the counters and dropping are one transaction: nothing awaits. */
  private dropDueBuckets(nowMs: number): void {
    const overBudget = () => this.log.bytes > MAX_LOG_BYTES || this.traces.size > MAX_INDEXED_TRACES;
    this.log.rotate(nowMs, overBudget());
    // What is carried goes into later buckets: one round does not come to those.
    const { lastBucket } = this.log;
    for (;;) {
      const bucket = this.log.dueBucket(nowMs, overBudget());
      if (!bucket || bucket.id > lastBucket) return;
      const carried = carryRecords(this.traces, bucket.id, this.readSlice);
      const carriedBytes = carried.reduce((sum, record) => sum + record.length, 0);
      // Where most of a bucket would only be written again, nothing is gained by making room early.
      if (!bucket.isExpired && carriedBytes > bucket.bytes / 2) return;
      this.log.write(carried, nowMs);
      this.traces.forgetBucket(bucket.id);
      writeBase(this.ctx.storage.sql, { counters: this.traces.counters, row: this.traces.lastRow });
      this.log.drop(bucket.id);
    }
  }

  /** When there is something to do next, milliseconds since the epoch; null when nothing waits. */
  private nextWorkMs(): number | null {
    let atMs = this.log.nextDueMs() ?? Number.POSITIVE_INFINITY;
    if (this.traces.outbox.size > 0) atMs = Math.min(atMs, this.storeRetryAtMs);
    for (const trace of this.traces.undecided) atMs = Math.min(atMs, decideByMs(trace, this.config));
    return Number.isFinite(atMs) ? atMs : null;
  }

  /** Sets the one alarm for `atMs`, no sooner than `alarmMs` after the last; a sooner one that is set stands. */
  private armAlarm(atMs: number | null): void {
    if (atMs === null) return;
    const spacedMs = Math.max(atMs, Date.now(), this.lastAlarmMs + this.config.alarmMs);
    if (this.alarmAtMs !== null && this.alarmAtMs <= spacedMs) return;
    this.alarmAtMs = spacedMs;
    void this.ctx.storage.setAlarm(spacedMs);
  }
}
