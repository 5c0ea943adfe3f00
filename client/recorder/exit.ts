/**
 * The page's last words. When it is hidden or goes away it takes the consumer's role, encodes everything that is not
 * released, synchronously, and gives it to the browser to deliver: as a keepalive fetch while it may still see the
 * answer, as a beacon when it goes. Both share 64 KiB in flight, with each other and with other scripts; `fetchLater` has
 * a budget of its own. What they refuse is stored, and so is everything when nobody would answer.
 */

import { monotonicMs } from '../api/clock.ts';
import type { Recorder, RecorderHost } from './attach.ts';
import type { BatchConfig } from './batch-head.ts';
import { encodeBatch } from './batcher.ts';
import { createClaim, DRAIN, EXIT } from './claim.ts';
import { BIG_BYTES, EXIT_BUDGET_BYTES, MIN_PIECE_BYTES, sendBeacon, toBlob } from './early-exit.ts';
import { countersOf, headerOf, WORD_AWAY } from './memory.ts';
import { countRefused } from './outcome.ts';
import { byImportance, type PendingRecord, readPending } from './pending.ts';
import { createRing } from './ring.ts';

/** What cannot be sent is stored in batches of this size, which the edge takes. */
const SAVED_BATCH_BYTES = 256 * 1024;
/** While the page is hidden an edge that did not answer is left alone for so long, or for as long as it asked. */
const QUIET_MS = 1_000;

export interface ExitOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  /** The page's half of the recorder, if it is there by now. */
  readonly recorder: () => Pick<Recorder, 'sendKeepalive' | 'save'> | null;
  readonly beacon?: RecorderHost['beacon'];
}

interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
  /** 1 when there are roots or errors in it. */
  readonly rank: 0 | 1;
}

/** Leaves when the document goes away (https://wicg.github.io/pending-beacon/). Throws when the budget is used up. */
declare const fetchLater: ((url: string, init: RequestInit & { activateAfter: number }) => unknown) | undefined;

/** Takes a piece, or refuses it. */
type Way = (piece: Piece) => Promise<void> | false;

export interface Exit {
  /** The consumer's role is here, and stays for now. */
  readonly isActive: boolean;
  /** Sends everything that is not released and not on its way. `leaving`: the page will not see any answer. */
  send(leaving: boolean): Promise<unknown>;
  /** The page is visible again: the role goes back as soon as nothing is on its way. */
  giveBack(): Promise<void>;
}

export function createExit({ buffer, config, recorder, beacon = sendBeacon }: ExitOptions): Exit {
  const { url } = config;
  const ring = createRing(buffer);
  const claim = createClaim(buffer, EXIT);
  const counters = countersOf(buffer);
  const header = headerOf(buffer);
  /** What is before this is on its way; null while the role is not ours. */
  let cursor: number | null = null;
  let isLeaving = false;
  /** The role goes back when nothing is on its way any more. */
  let isReturning = false;
  let inFlightBytes = 0;
  let quietUntilMs = 0;
  const unanswered = new Set<Piece>();
  /** Settles when everything before the cursor is delivered, stored or counted as lost, and released. */
  let settled: Promise<unknown> = Promise.resolve();

  async function save(piece: Piece): Promise<void> {
    counters.add((await recorder()?.save(piece, isLeaving)) ? 'saved' : 'exit_budget', piece.spanCount);
  }

  /** As a keepalive fetch, whose answer the page will see. */
  const asKeepalive: Way = async (piece) => {
    inFlightBytes += piece.bytes.length;
    unanswered.add(piece);
    const { outcome, refused, retryAfterMs } = await recorder()!.sendKeepalive(piece.bytes);
    unanswered.delete(piece);
    inFlightBytes -= piece.bytes.length;
    if (outcome === 'unavailable') {
      quietUntilMs = monotonicMs() + (retryAfterMs ?? QUIET_MS);
      return save(piece);
    }
    const rejected = countRefused(refused, piece.spanCount);
    counters.add(outcome, piece.spanCount - rejected);
    counters.add('rejected', rejected);
  };

  /** The browser promises to deliver it; the page will not hear of it. */
  const asBeacon: Way = (piece) => {
    if (!beacon(url, piece.bytes)) return false;
    inFlightBytes += piece.bytes.length;
    return promised(piece);
  };
  const asFetchLater: Way = (piece) => {
    try {
      fetchLater!(url, { method: 'POST', body: toBlob(piece.bytes), credentials: 'omit', activateAfter: 0 });
      return promised(piece);
    } catch {
      return false;
    }
  };
  const promised = async ({ spanCount }: Piece) => counters.add('accepted', spanCount);

  /** The ways out in the order in which they are tried. */
  function waysOut(goodbye: boolean): Way[] {
    const isAway = !navigator.onLine || Atomics.load(header, WORD_AWAY) > 0;
    if (recorder() && isAway) return [save];
    if (recorder() && !goodbye) return monotonicMs() < quietUntilMs ? [save] : [asKeepalive, save];
    // Who has a beacon of its own sends something else than batches.
    const isBatch = beacon === sendBeacon;
    return isBatch && 'fetchLater' in globalThis ? [asBeacon, asFetchLater, save] : [asBeacon, save];
  }

  /** Hands out pieces, each way as many as it takes. */
  function deliver(records: readonly PendingRecord[], goodbye: boolean): Promise<void>[] {
    const outcomes: Promise<void>[] = [];
    let rest = records;
    for (const way of waysOut(goodbye)) {
      let room = way === save ? SAVED_BATCH_BYTES : EXIT_BUDGET_BYTES - (way === asFetchLater ? 0 : inFlightBytes);
      while (rest.length > 0 && room >= MIN_PIECE_BYTES) {
        const losses = counters.unreported();
        const { bytes, spanCount } = encodeBatch({ buffer, config, records: rest, losses, goodbye, maxBytes: room });
        // One span that does not fit never will.
        if (spanCount === 0) break;
        const outcome = way({ bytes, spanCount, rank: rest[0]!.isImportant ? 1 : 0 });
        if (outcome) {
          outcomes.push(outcome);
          // This piece tells them, whichever way it goes.
          counters.report(losses);
          counters.add('sent', way === save ? 0 : spanCount);
          rest = rest.slice(spanCount);
          if (way !== save) room -= bytes.length;
        } else {
          // Other scripts have part of the budget: a smaller piece may fit.
          room = bytes.length / 2;
        }
      }
    }
    return outcomes;
  }

  return {
    get isActive() {
      return cursor !== null && !isReturning;
    },
    send(leaving) {
      isLeaving = leaving;
      // Firefox loses keepalive requests of a tab that is closed while they are on their way. Copies are merged at the edge.
      if (leaving) for (const { bytes } of unanswered) beacon(url, bytes);
      isReturning = false;
      if (cursor === null) claim.take();
      cursor ??= claim.position;
      const reading = readPending(ring, claim, cursor, 2 ** 31);
      if (!reading) return settled;
      const { records, end } = reading;
      const isBig = ({ index }: PendingRecord) => Number(ring.words[index]! > BIG_BYTES);
      const outcomes = deliver(
        records.sort((a, b) => isBig(a) - isBig(b) || byImportance(a, b)),
        leaving,
      );
      // Only now: Firefox may stop a script in the middle when its tab is closed, and then the next event has to do it all.
      cursor = end;
      settled = Promise.all([settled, ...outcomes]).then(() => claim.release(end));
      return settled;
    },
    async giveBack() {
      isReturning = true;
      await settled;
      // Hidden again meanwhile: the role is still needed here.
      if (!isReturning) return;
      cursor = null;
      inFlightBytes = 0;
      claim.give(DRAIN);
    },
  };
}
