/**
 * Drains the ring: reads, encodes, sends, and releases what was accepted, one batch after the other. While the edge is away the ring is
 * what will be sent again; where that lasts and the ring fills, batches are stored, and sent when the edge is back.
 */

import { monotonicMs } from '../api/clock.ts';
import type { BatchConfig } from './batch-head.ts';
import { encodeBatch } from './batcher.ts';
import { createClaim, DRAIN } from './claim.ts';
import type { Losses } from './counters.ts';
import { countersOf, headerOf, WORD_AWAY } from './memory.ts';
import type { OfflineStore } from './offline.ts';
import { countRefused, type Sent } from './outcome.ts';
import { createPace } from './pace.ts';
import { byStart, isSentFirst, type PendingRecord, readPending } from './pending.ts';
import { createRing } from './ring.ts';

/** Delivers one encoded batch. `isWanted` turns false when the page has taken over. */
export type Send = (bytes: Uint8Array<ArrayBuffer>, isWanted: () => boolean) => Promise<Sent>;

/**
 * While the edge is away what is in the ring is stored this often, or when more than one in so many of its bytes is in use. So a page that
 * ends has little left to store, which a browser may not let it do.
 */
const STORE_MS = 5_000;
const STORE_SHARE = 4;
/** What could not be sent is tried again no sooner than this, and what another tab is sending looked at again after that. */
const MIN_AGAIN_MS = 1_000;
const LOOK_AGAIN_MS = 10_000;
/** Timers and clocks of browsers may differ by this. */
const CLOCK_MS = 20;

export interface DrainOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  readonly send: Send;
  /** null where nothing can be stored. */
  readonly offline: Pick<OfflineStore, 'saveRecords' | 'sendAll'> | null;
  /** How much of the ring goes into one batch at most; bounds the time that one step takes. */
  readonly maxRingBytes: number;
  /** Waits for a good moment to read and encode. */
  readonly idle: () => Promise<void>;
}

export interface Drain {
  /** Sends everything recorded until now, and what is stored. Resolves when that is accepted, or the edge cannot be reached. */
  run(): Promise<void>;
  /** After this nothing is tried again by itself. */
  stop(): void;
}

/** What became of records that left the ring. */
interface Moved {
  readonly outcome: 'accepted' | 'rejected' | 'saved';
  /** How many of them the edge refused. */
  readonly refused: number;
}
const NOTHING_MOVED: Moved = { outcome: 'accepted', refused: 0 };

export function createDrain({ buffer, config, send, offline, maxRingBytes, idle }: DrainOptions): Drain {
  const ring = createRing(buffer);
  const header = headerOf(buffer);
  const claim = createClaim(buffer, DRAIN);
  const counters = countersOf(buffer);
  const pace = createPace(maxRingBytes);
  /** When there is something to be tried again by itself, in how many milliseconds. */
  let againMs: number | null = null;
  /** What the counter said when nothing was left of what is stored. At first there may be something of an earlier visit. */
  let savedBefore = -1;
  /** When the ring was empty, or the edge was there, for the last time. */
  let safeMs = monotonicMs();
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;

  async function deliver(bytes: Uint8Array<ArrayBuffer>, spanCount: number, isWanted: () => boolean): Promise<Sent> {
    const sent = await send(bytes, isWanted);
    const { outcome, attempts, waitMs } = sent;
    // What did not leave because the page has taken over says nothing of the edge.
    const isAway = outcome === 'unavailable' && (attempts > 0 || isWanted());
    if (!isAway) safeMs = monotonicMs();
    pace.note(sent, monotonicMs());
    counters.add('sent', attempts > 0 ? spanCount : 0);
    counters.add('retried', Math.max(0, attempts - 1) * spanCount);
    Atomics.store(header, WORD_AWAY, Number(isAway && offline !== null));
    againMs = isAway ? Math.max(waitMs, MIN_AGAIN_MS) : null;
    return { ...sent, refused: countRefused(sent.refused, spanCount) };
  }

  function isUrgent(): boolean {
    return ring.usedBytes > ring.bytes.length / STORE_SHARE || monotonicMs() - safeMs >= STORE_MS;
  }

  /** Sends records, or stores them. null when neither was possible, or the role was lost: then they stay in the ring. */
  async function move(records: PendingRecord[], losses: Losses): Promise<Moved | null> {
    // While the edge is known to be away what is stored tries whether it is back.
    const isAway = Atomics.load(header, WORD_AWAY) > 0;
    if (!offline || !isAway || !isUrgent()) {
      const { bytes } = encodeBatch({ buffer, config, records: records.sort(byStart), losses });
      if (!claim.holds()) return null;
      const { outcome, refused } = await deliver(bytes, records.length, claim.holds);
      if (outcome !== 'unavailable') return { outcome, refused };
    }
    if (!offline || !isUrgent() || !claim.holds()) return null;
    const isStored = await offline.saveRecords({ buffer, config, isWhole: claim.holds }, records, losses);
    if (isStored) return { outcome: 'saved', refused: 0 };
    // Nothing is stored that would try whether the edge is back: what is in the ring has to.
    if (claim.holds()) Atomics.store(header, WORD_AWAY, 0);
    againMs ??= MIN_AGAIN_MS;
    return null;
  }

  /** False when there is nothing more to do. */
  async function moveNext(): Promise<boolean> {
    const pending = readPending(ring, claim, claim.position, pace.ringBytes);
    if (!pending) {
      safeMs = monotonicMs();
      return false;
    }
    const { records, end } = pending;
    const losses = counters.unreported();
    const chosen = pace.isHigh(monotonicMs()) ? records.filter(isSentFirst) : records;
    const moved = chosen.length > 0 ? await move(chosen, losses) : NOTHING_MOVED;
    // Without the role these spans are the page's, and it counts them.
    if (!moved || !claim.release(end)) return false;
    const { outcome, refused } = moved;
    counters.add(outcome, chosen.length - refused);
    counters.add('rejected', refused);
    counters.add('pressure', records.length - chosen.length);
    if (chosen.length > 0 && outcome !== 'rejected') counters.report(losses);
    return true;
  }

  async function sendStored(): Promise<void> {
    const { saved } = counters.all();
    if (!offline || saved === savedBefore || againMs !== null || !claim.check()) return;
    const { accepted, rejected, givenUp, isDone } = await offline.sendAll(config.url, (bytes, spanCount) =>
      deliver(bytes, spanCount, claim.holds),
    );
    counters.add('accepted', accepted);
    counters.add('rejected', rejected);
    counters.add('offline_cap', givenUp);
    if (isDone) savedBefore = saved;
    else againMs ??= LOOK_AGAIN_MS;
  }

  async function drain(): Promise<void> {
    againMs = null;
    clearTimeout(timer);
    do {
      const pauseMs = pace.pauseMs(monotonicMs());
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await idle();
    } while (claim.check() && (await moveNext()));
    await sendStored();
    if (againMs === null || isStopped) return;
    const storeMs = offline && ring.usedBytes > 0 ? Math.max(0, safeMs + STORE_MS - monotonicMs()) + CLOCK_MS : againMs;
    timer = setTimeout(run, Math.min(againMs, storeMs));
  }

  function run(): Promise<void> {
    if (running) {
      // The run under way may have read the ring before the last record was pushed: look again after it.
      next ??= running.then(() => {
        next = null;
        return run();
      });
      return next;
    }
    const result = drain().finally(() => {
      running = null;
    });
    running = result.catch(() => undefined);
    return result;
  }

  return {
    run,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
