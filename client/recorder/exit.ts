/**
 * The page's last words. When it is hidden or goes away it takes the consumer's role, encodes everything that is not
 * released, synchronously, and gives it to the browser to deliver: as a keepalive fetch while it may still see the
 * answer, as a beacon when it goes. Both share 64 KiB in flight, with each other and with other scripts.
 */

import type { Recorder } from './attach.ts';
import type { BatchConfig } from './batch-head.ts';
import { encodeBatch } from './batcher.ts';
import { createClaim, DRAIN, EXIT } from './claim.ts';
import { EXIT_BUDGET_BYTES, MIN_PIECE_BYTES } from './early-exit.ts';
import { countersOf } from './memory.ts';
import { CONTENT_TYPE, type Outcome } from './outcome.ts';
import { byImportance, type PendingRecord, readPending } from './pending.ts';
import { createRing } from './ring.ts';

/** What cannot be sent is stored in batches of this size, which the edge takes. */
const SAVED_BATCH_BYTES = 256 * 1024;

export interface ExitOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  /** The page's half of the recorder, if it is there by now. */
  readonly recorder: () => Pick<Recorder, 'sendKeepalive' | 'save'> | null;
}

interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
}

export interface Exit {
  /** The consumer's role is here. */
  readonly isActive: boolean;
  /** Sends everything that is not released and not on its way. `leaving`: the page will not see any answer. */
  send(leaving: boolean): Promise<unknown>;
  /** The page is visible again: the role goes back as soon as nothing is on its way. */
  giveBack(): Promise<void>;
}

export function createExit({ buffer, config, recorder }: ExitOptions): Exit {
  const ring = createRing(buffer);
  const claim = createClaim(buffer, EXIT);
  const counters = countersOf(buffer);
  /** What is before this is on its way; null while the role is not ours. */
  let cursor: number | null = null;
  /** The role goes back when nothing is on its way any more. */
  let isReturning = false;
  let inFlightBytes = 0;
  /** Settles when everything before the cursor is delivered, stored or counted as lost, and released. */
  let settled: Promise<unknown> = Promise.resolve();

  async function save({ bytes, spanCount }: Piece): Promise<void> {
    const isSaved = await recorder()?.save(bytes, spanCount);
    counters.add(isSaved ? 'saved' : 'exit_budget', spanCount);
  }

  async function settle(piece: Piece, outcome: Outcome): Promise<void> {
    if (outcome === 'unavailable') return save(piece);
    counters.add(outcome, piece.spanCount);
  }

  /** As a keepalive fetch if the page will see the answer, otherwise as a beacon. null when the browser refuses. */
  function send(piece: Piece, leaving: boolean): Promise<void> | null {
    const { bytes } = piece;
    const visible = leaving ? null : recorder();
    if (!visible && !navigator.sendBeacon(config.url, new Blob([bytes], { type: CONTENT_TYPE }))) return null;
    inFlightBytes += bytes.length;
    if (!visible) return settle(piece, 'accepted');
    return visible.sendKeepalive(bytes).then((outcome) => {
      inFlightBytes -= bytes.length;
      return settle(piece, outcome);
    });
  }

  /** Hands out pieces until the browser takes no more, then stores the rest. */
  function deliver(records: readonly PendingRecord[], goodbye: boolean): Promise<void>[] {
    const outcomes: Promise<void>[] = [];
    let rest = records;
    let room = EXIT_BUDGET_BYTES - inFlightBytes;
    while (rest.length > 0) {
      const isRoom = room >= MIN_PIECE_BYTES;
      const maxBytes = isRoom ? room : SAVED_BATCH_BYTES;
      const losses = counters.unreported();
      const piece = encodeBatch({ buffer, config, records: rest, losses, goodbye, maxBytes });
      const isFit = piece.spanCount > 0;
      const outcome = isRoom ? isFit && send(piece, goodbye) : save(piece);
      if (outcome) {
        outcomes.push(outcome);
        // This piece tells them, whichever way it goes.
        counters.report(losses);
        rest = rest.slice(piece.spanCount);
        room = EXIT_BUDGET_BYTES - inFlightBytes;
      } else {
        // Other scripts have part of the budget: a smaller piece may fit. One span that does not, never will.
        room = isFit ? piece.bytes.length / 2 : 0;
      }
    }
    return outcomes;
  }

  return {
    get isActive() {
      return cursor !== null;
    },
    send(leaving) {
      isReturning = false;
      if (cursor === null) claim.take();
      cursor ??= claim.position;
      const reading = readPending(ring, claim, cursor, 2 ** 31);
      if (!reading) return settled;
      const { records, end } = reading;
      cursor = end;
      settled = Promise.all([settled, ...deliver(records.sort(byImportance), leaving)]).then(() => claim.release(end));
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
