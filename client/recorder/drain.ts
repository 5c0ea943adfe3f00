/**
 * Drains the ring: reads, encodes, sends, and releases what was accepted, one batch after the other. While the edge is away the ring is
 * what will be sent again; where that lasts and the ring fills, batches are stored, and sent when the edge is back.
 */

import { createClock } from '../api/clock.ts';
import { type BatchConfig, encodeBatch } from './batcher.ts';
import { createClaim, DRAIN } from './claim.ts';
import { Counters } from './counters.ts';
import { headerOf, WORD_AWAY } from './memory.ts';
import type { OfflineStore } from './offline.ts';
import type { Sent } from './outcome.ts';
import { createPace } from './pace.ts';
import { byStart, isSentFirst, readPending } from './pending.ts';
import { createRing } from './ring.ts';
import { storeRecords } from './store-records.ts';

/** Delivers one encoded batch. `isWanted` turns false when the page has taken over. */
export type Send = (bytes: Uint8Array<ArrayBuffer>, isWanted: () => boolean) => Promise<Sent>;

/** While the edge is away batches are stored when more than one in so many bytes of the ring is in use. */
const STORE_SHARE = 4;
/** What could not be sent is tried again no sooner than this, and what another tab is sending looked at again after that. */
const MIN_AGAIN_MS = 1_000;
const LOOK_AGAIN_MS = 30_000;

export interface DrainOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  readonly send: Send;
  /** null where nothing can be stored. */
  readonly offline: Pick<OfflineStore, 'save' | 'sendAll'> | null;
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

export function createDrain({ buffer, config, send, offline, maxRingBytes, idle }: DrainOptions): Drain {
  const ring = createRing(buffer);
  const header = headerOf(buffer);
  const claim = createClaim(buffer, DRAIN);
  const counters = new Counters(buffer);
  const clock = createClock();
  const nowMs = () => clock.nowUs() / 1000;
  const pace = createPace(maxRingBytes);
  /** When there is something to be tried again by itself, in how many milliseconds. */
  let againMs: number | null = null;
  /** What the counter said when nothing was left of what is stored. At first there may be something of an earlier visit. */
  let savedBefore = -1;
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;

  async function deliver(bytes: Uint8Array<ArrayBuffer>, spanCount: number, isWanted: () => boolean): Promise<Sent> {
    const sent = await send(bytes, isWanted);
    const { outcome, attempts, waitMs } = sent;
    const isAway = outcome === 'unavailable';
    pace.note(sent, nowMs());
    counters.add('sent', attempts > 0 ? spanCount : 0);
    counters.add('retried', Math.max(0, attempts - 1) * spanCount);
    Atomics.store(header, WORD_AWAY, Number(isAway));
    againMs = isAway ? Math.max(waitMs, MIN_AGAIN_MS) : null;
    return sent;
  }

  /** False when there is nothing more to do. */
  async function sendNext(): Promise<boolean> {
    const pending = readPending(ring, claim, claim.position, pace.ringBytes);
    if (!pending) return false;
    const { records, end } = pending;
    const losses = counters.unreported();
    const chosen = pace.isHigh(nowMs()) ? records.filter(isSentFirst) : records;
    const spanCount = chosen.length;
    if (spanCount > 0) {
      const { bytes } = encodeBatch({ buffer, config, records: chosen.sort(byStart), losses });
      if (!claim.holds()) return false;
      const { outcome, refused } = await deliver(bytes, spanCount, claim.holds);
      // Without the role these spans are the page's, and it counts them.
      if (outcome === 'unavailable') {
        if (!offline || ring.usedBytes < ring.bytes.length / STORE_SHARE) return false;
        const isStored = await storeRecords({ buffer, config, offline, isWhole: claim.holds }, chosen, losses);
        if (!isStored || !claim.release(end)) return false;
        counters.add('saved', spanCount);
      } else {
        if (!claim.release(end)) return false;
        counters.add(outcome, spanCount - refused);
        counters.add('rejected', refused);
      }
      if (outcome !== 'rejected') counters.report(losses);
    } else if (!claim.release(end)) return false;
    counters.add('pressure', records.length - spanCount);
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
      const pauseMs = pace.pauseMs(nowMs());
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await idle();
    } while (claim.check() && (await sendNext()));
    await sendStored();
    if (againMs !== null && !isStopped) timer = setTimeout(run, againMs);
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
