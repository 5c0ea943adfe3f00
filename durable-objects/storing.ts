/**
 * Stores what is kept, block by block: seal it in the log, write it, note in the log that it is written. A crash between
 * any two steps repeats the step.
 */

import { projectRow } from '../model/statistics-roll-up.ts';
import type { Grain } from '../model/statistics-sum.ts';
import { StoreError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Journal } from './journal.ts';
import type { Place } from './log.ts';
import { blockParts, planBlock } from './outbox.ts';
import { encodeJsonRecord, SEAL, type SealRecord, STORED } from './records.ts';
import type { PackedMinute } from './statistics.ts';

const MAX_BLOCKS_PER_RUN = 32;
/** Kept traces that are stored without waiting for more. */
const FULL_BLOCK_TRACES = 500;
/** Bounds of the wait before storing is tried again after a failure. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Tries of a write that fails for a reason other than an outage, before its block is made smaller. */
const MAX_TRIES = 3;
/** So many failures in a row open the circuit: then a run tries one block, not many. */
const OPEN_AFTER = 3;

/** A minute is written this long after it began, and again when it has changed: most of its spans have come by then. */
const STATISTICS_DELAY_MS = 90_000;
/** Each minute that late spans have changed is a row again. */
const STATISTICS_INTERVAL_MS = 60_000;

export interface StoringDeps {
  readonly journal: Journal;
  readonly store: Store;
  /** Part of the block keys: tells this shard's blocks from others'. */
  readonly shardName: string;
  /** Resolves when everything that was written is durable. */
  readonly sync: () => Promise<void>;
  readonly now: () => number;
  /** 0 to below 1. */
  readonly random: () => number;
  /** How long kept traces may wait for others to share a block with. */
  readonly blockMs: () => number;
}

export class Storing {
  private readonly deps: StoringDeps;
  private running: Promise<void> | null = null;
  /** Failures in a row. */
  failures = 0;
  private retryAtMs = 0;
  /** When the traces that wait now were first seen to, null where none do. */
  private waitingSinceMs: number | null = null;
  private statisticsVersion = 0;
  private statisticsAtMs = 0;
  /** On its way to the store. */
  private writing: readonly PackedMinute[] = [];

  constructor(deps: StoringDeps) {
    this.deps = deps;
  }

  /** What its blocks and rows are called by. */
  get shardName(): string {
    return this.deps.shardName;
  }

  /** No more than one write at a time is tried, and that seldom, until one succeeds. */
  get isOpen(): boolean {
    return this.failures >= OPEN_AFTER;
  }

  /**
   * When what waits is to be stored, milliseconds since the epoch; null when nothing waits. A block and its rows cost the same
   * whether they hold one trace or many; how long traces have waited counts from the first call that finds some.
   */
  dueMs(): number | null {
    const { live } = this.deps.journal;
    if (live.outbox.size === 0 && !live.sealed) {
      this.waitingSinceMs = null;
      // Statistics wait for the next alarm, which they are not worth by themselves; unless a write has failed: there may be none.
      return this.failures > 0 ? this.retryAtMs : null;
    }
    this.waitingSinceMs ??= this.deps.now();
    return Math.max(this.retryAtMs, live.sealed || this.isFull ? 0 : this.waitingSinceMs + this.deps.blockMs());
  }

  /** Enough waits for a block. */
  get isFull(): boolean {
    return this.deps.journal.live.outbox.size >= FULL_BLOCK_TRACES;
  }

  /**
   * Stores all that waits, when that is due by `untilMs`, or until the first failure; then the minutes of the statistics that
   * are over. While it is under way, further calls wait for it.
   */
  run(untilMs: number): Promise<void> {
    this.running ??= this.runOnce(untilMs).finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async runOnce(untilMs: number): Promise<void> {
    const { journal, store, now } = this.deps;
    if (now() < this.retryAtMs) return;
    try {
      const dueMs = this.dueMs();
      const isDue = dueMs !== null && dueMs <= untilMs;
      for (let i = 0; isDue && i < MAX_BLOCKS_PER_RUN; i++) {
        const seal = journal.live.sealed ?? (await this.seal());
        if (!seal) break;
        const readSlice = (place: Place) => this.readSlice(seal, place);
        await store.write(seal.key, blockParts(journal.live, seal, readSlice, journal.rememberedSinceMs));
        journal.write([encodeJsonRecord(STORED, { block: seal.block, unstorable: false })], now());
        this.failures = 0;
      }
      if (isDue) this.waitingSinceMs = null;
      await this.writeStatistics();
      this.failures = 0;
    } catch (error) {
      this.failures++;
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.failures);
      this.retryAtMs = now() + waitMs * (0.5 + this.deps.random() / 2);
      console.error(`storing a block failed ${this.failures} times: ${(error as Error).message}`);
      await this.replan(error);
    }
  }

  /**
   * Writes the minutes that are over and have changed since. A row holds all that its minute has counted, so that after a
   * crash it is simply written again.
   */
  private async writeStatistics(): Promise<void> {
    const { journal, store, shardName, now } = this.deps;
    const nowMs = now();
    if (Math.abs(nowMs - this.statisticsAtMs) < STATISTICS_INTERVAL_MS) return;
    this.statisticsAtMs = nowMs;
    // A clock that goes back must not make a row seem older than the one before.
    this.statisticsVersion = Math.max(this.statisticsVersion + 1, nowMs);
    const rows = journal.statistics.takeDirty(nowMs - STATISTICS_DELAY_MS);
    this.writing = rows;
    try {
      await store.writeStatistics(
        rows.map(({ minuteMs, bytes }) => ({
          shard: shardName,
          minuteMs,
          version: this.statisticsVersion,
          data: bytes,
          services: projectRow(bytes, 'service'),
        })),
      );
    } catch (error) {
      for (const row of rows) journal.statistics.putBack(row);
      this.statisticsAtMs = 0;
      throw error;
    } finally {
      this.writing = [];
    }
  }

  /**
   * The latest rows of statistics, oldest first, that the store may not have: whoever asks for them first and the store then
   * misses none.
   */
  unwrittenStatistics(fromMs: number, toMs: number, grain: Grain): PackedMinute[] {
    const writing = this.writing
      .filter(({ minuteMs }) => minuteMs >= fromMs && minuteMs < toMs)
      .map(({ minuteMs, bytes }) => ({ minuteMs, bytes: projectRow(bytes, grain) }));
    const rows = [...writing, ...this.deps.journal.statistics.readDirty(fromMs, toMs, grain)];
    // Of a minute that has changed while it is written the later one.
    return [...new Map(rows.map((row) => [row.minuteMs, row])).values()].sort((a, b) => a.minuteMs - b.minuteMs);
  }

  /** After a failed write: what no repeat can mend gets a new key, or is narrowed down until it stands alone. */
  private async replan(error: unknown): Promise<void> {
    const { journal, now } = this.deps;
    const { sealed } = journal.live;
    const fault = error instanceof StoreError ? error.fault : null;
    if (!sealed || fault === 'unavailable' || fault === 'contended') return;
    // Something else stands under the key, and always will.
    if (fault === 'block_conflict' || fault === 'block_corrupt') await this.seal();
    else if (this.failures < MAX_TRIES) return;
    else if (sealed.traces.length > 1) await this.seal(sealed.traces.length >> 1);
    else journal.write([encodeJsonRecord(STORED, { block: sealed.block, unstorable: true })], now());
  }

  /** That the log cannot be read says nothing against the trace, which must not be given up for it. */
  private readSlice({ key }: SealRecord, place: Place): Uint8Array {
    try {
      return this.deps.journal.readSlice(place);
    } catch (cause) {
      throw new StoreError('unavailable', key, `the log could not be read: ${(cause as Error).message}`, { cause });
    }
  }

  /** Writes down what the next block will hold, before anything of it is written elsewhere; null when nothing waits. */
  private async seal(maxTraces?: number): Promise<SealRecord | null> {
    const { journal, shardName, now, sync } = this.deps;
    const seal = planBlock(journal.live, shardName, now(), maxTraces);
    if (!seal) return null;
    journal.write([encodeJsonRecord(SEAL, seal)], now());
    await sync();
    return seal;
  }
}
