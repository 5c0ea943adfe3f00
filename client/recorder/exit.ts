/**
 * The page's last words. When it is hidden or goes away it takes the consumer's role, encodes everything that is not
 * released, synchronously, and gives it to the browser to deliver: as a keepalive fetch while it may still see the
 * answer, as a beacon when it goes. Both share 64 KiB in flight, with each other and with other scripts.
 */

import type { Recorder } from './attach.ts';
import { type BatchConfig, encodeBatch } from './batcher.ts';
import { DRAIN, EXIT } from './claim.ts';
import { byImportance, Consumer, type PendingRecord } from './consumer.ts';
import { Counters, type Losses } from './counters.ts';
import { CONTENT_TYPE, type Outcome } from './outcome.ts';

/** What browsers let keepalive requests and beacons have in flight together (https://fetch.spec.whatwg.org/). */
const EXIT_BUDGET_BYTES = 64 * 1024;
/** Below this there is hardly room for a span beside the resource. */
const MIN_PIECE_BYTES = 2048;

export interface ExitOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  /** The page's half of the recorder, if it is there by now. */
  readonly recorder: () => Pick<Recorder, 'sendKeepalive' | 'save'> | null;
}

interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
  readonly losses: Losses;
}

export class Exit {
  readonly #options: ExitOptions;
  readonly #consumer: Consumer;
  readonly #counters: Counters;
  /** What is before this is on its way; null while the role is not ours. */
  #cursor: number | null = null;
  /** The role goes back when nothing is on its way any more. */
  #returning = false;
  #inFlightBytes = 0;
  /** Settles when everything before the cursor is delivered, stored or counted as lost, and released. */
  #settled: Promise<unknown> = Promise.resolve();

  constructor(options: ExitOptions) {
    this.#options = options;
    this.#consumer = new Consumer(options.buffer, EXIT);
    this.#counters = new Counters(options.buffer);
  }

  get isActive(): boolean {
    return this.#cursor !== null;
  }

  /** Sends everything that is not released and not on its way. `leaving`: the page will not see any answer. */
  send(leaving: boolean): Promise<unknown> {
    const { claim } = this.#consumer;
    this.#returning = false;
    if (this.#cursor === null) claim.take();
    this.#cursor ??= claim.position;
    const reading = this.#consumer.read(this.#cursor, 2 ** 31);
    if (!reading) return this.#settled;
    this.#cursor = reading.end;
    const pieces = this.#deliver(reading.records.sort(byImportance), leaving);
    this.#settled = Promise.all([this.#settled, ...pieces]).then(() => claim.release(reading.end));
    return this.#settled;
  }

  /** The page is visible again: the role goes back as soon as nothing is on its way. */
  async giveBack(): Promise<void> {
    this.#returning = true;
    await this.#settled;
    // Hidden again meanwhile: the role is still needed here.
    if (!this.#returning) return;
    this.#cursor = null;
    this.#inFlightBytes = 0;
    this.#consumer.claim.give(DRAIN);
  }

  /** Hands out pieces until the browser takes no more, then stores the rest. */
  #deliver(records: readonly PendingRecord[], goodbye: boolean): Promise<void>[] {
    const { buffer, config } = this.#options;
    const outcomes: Promise<void>[] = [];
    let rest = records;
    let room = EXIT_BUDGET_BYTES - this.#inFlightBytes;
    while (rest.length > 0) {
      const hasRoom = room >= MIN_PIECE_BYTES;
      const losses = this.#counters.unreported();
      const batch = encodeBatch({
        buffer,
        config,
        records: rest,
        losses,
        goodbye,
        maxBytes: hasRoom ? room : undefined,
      });
      const piece = { ...batch, losses };
      const isFit = piece.spanCount > 0;
      const outcome = !hasRoom ? this.#save(piece) : isFit && this.#send(piece, goodbye);
      if (outcome) {
        outcomes.push(outcome);
        rest = rest.slice(piece.spanCount);
        room = EXIT_BUDGET_BYTES - this.#inFlightBytes;
      } else {
        // Other scripts have part of the budget: a smaller piece may fit. One span that does not, never will.
        room = isFit ? piece.bytes.length / 2 : 0;
      }
    }
    return outcomes;
  }

  /** As a keepalive fetch if the page will see the answer, otherwise as a beacon. null when the browser refuses. */
  #send(piece: Piece, goodbye: boolean): Promise<void> | null {
    const { bytes, spanCount, losses } = piece;
    const recorder = this.#options.recorder();
    const settle = async (outcome: Outcome) => {
      if (outcome === 'unavailable') return this.#save(piece);
      this.#counters.add(outcome, spanCount);
      if (outcome === 'accepted') this.#counters.report(losses);
    };
    this.#inFlightBytes += bytes.length;
    if (!goodbye && recorder) {
      return recorder.sendKeepalive(bytes).then((outcome) => {
        this.#inFlightBytes -= bytes.length;
        return settle(outcome);
      });
    }
    if (navigator.sendBeacon(this.#options.config.url, new Blob([bytes], { type: CONTENT_TYPE })))
      return settle('accepted');
    this.#inFlightBytes -= bytes.length;
    return null;
  }

  async #save({ bytes, spanCount }: Piece): Promise<void> {
    const isSaved = await this.#options.recorder()?.save(bytes, spanCount);
    this.#counters.add(isSaved ? 'saved' : 'exit_budget', spanCount);
  }
}
