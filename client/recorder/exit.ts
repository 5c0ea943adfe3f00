/**
 * The page's last words. When it is hidden or goes away it takes the consumer's role, encodes everything that is not
 * released, synchronously, and gives it to the browser to deliver: as a keepalive fetch while it may still see the
 * answer, as a beacon when it goes. Both share 64 KiB in flight, with each other and with other scripts.
 */

import { type BatchConfig, encodeBatch } from './batcher.ts';
import { DRAIN, EXIT } from './claim.ts';
import { byImportance, Consumer, type PendingRecord } from './consumer.ts';
import { Counters, type Losses } from './counters.ts';
import { CONTENT_TYPE, type Fetch, sendOnce } from './exporter.ts';

/** What browsers let keepalive requests and beacons have in flight together (https://fetch.spec.whatwg.org/). */
const EXIT_BUDGET_BYTES = 64 * 1024;
/** Below this there is hardly room for a span beside the resource. */
const MIN_PIECE_BYTES = 2048;
/** What cannot be sent is stored in batches of this size. */
const SAVED_BATCH_BYTES = 256 * 1024;

export interface ExitOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  readonly fetch: Fetch;
  /** Keeps a batch for the next visit; answers false when that is not possible. */
  readonly save: (bytes: Uint8Array<ArrayBuffer>, spanCount: number) => Promise<boolean>;
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
  /** We have the role; what is before `cursor` is on its way. */
  #active = false;
  #cursor = 0;
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
    return this.#active;
  }

  /** Sends everything that is not released and not on its way. `leaving`: the page will not see any answer. */
  send(leaving: boolean): Promise<unknown> {
    const { claim } = this.#consumer;
    this.#returning = false;
    if (!this.#active) {
      claim.take();
      this.#active = true;
      this.#cursor = claim.position;
    }
    const reading = this.#consumer.read(this.#cursor, 2 ** 31);
    if (!reading) return this.#settled;
    this.#cursor = reading.end;
    const pieces = this.#deliver(reading.records.sort(byImportance), leaving);
    this.#settled = Promise.all([this.#settled, ...pieces]).then(() => claim.release(reading.end));
    return this.#settled;
  }

  /** The page is visible again: the role goes back as soon as nothing is on its way. */
  async giveBack(): Promise<void> {
    if (!this.#active) return;
    this.#returning = true;
    await this.#settled;
    // Hidden again meanwhile: the role is still needed here.
    if (!this.#returning) return;
    this.#active = false;
    this.#inFlightBytes = 0;
    this.#consumer.claim.give(DRAIN);
  }

  /** Hands out pieces until the browser takes no more, then stores the rest. */
  #deliver(records: readonly PendingRecord[], leaving: boolean): Promise<void>[] {
    const outcomes: Promise<void>[] = [];
    let rest = records;
    let room = EXIT_BUDGET_BYTES - this.#inFlightBytes;
    while (rest.length > 0 && room >= MIN_PIECE_BYTES) {
      const piece = this.#encode(rest, leaving, room);
      if (piece.spanCount === 0) break;
      const outcome = leaving ? this.#beacon(piece) : this.#keepalive(piece);
      if (outcome === null) {
        // Other scripts have part of the budget: a smaller piece may fit.
        room = piece.bytes.length / 2;
        continue;
      }
      outcomes.push(outcome);
      rest = rest.slice(piece.spanCount);
      room = EXIT_BUDGET_BYTES - this.#inFlightBytes;
    }
    while (rest.length > 0) {
      const piece = this.#encode(rest, false, SAVED_BATCH_BYTES);
      outcomes.push(this.#save(piece));
      rest = rest.slice(Math.max(1, piece.spanCount));
    }
    return outcomes;
  }

  #encode(records: readonly PendingRecord[], goodbye: boolean, maxBytes: number): Piece {
    const { buffer, config } = this.#options;
    const losses = this.#counters.unreported();
    return { ...encodeBatch({ buffer, config, records, losses, goodbye, maxBytes }), losses };
  }

  /** null when the browser refuses. */
  #beacon(piece: Piece): Promise<void> | null {
    const body = new Blob([piece.bytes], { type: CONTENT_TYPE });
    if (!navigator.sendBeacon?.(this.#options.config.url, body)) return null;
    this.#inFlightBytes += piece.bytes.length;
    this.#accepted(piece);
    return Promise.resolve();
  }

  async #keepalive(piece: Piece): Promise<void> {
    this.#inFlightBytes += piece.bytes.length;
    const { outcome } = await sendOnce(this.#options.fetch, this.#options.config.url, piece.bytes, true);
    this.#inFlightBytes -= piece.bytes.length;
    if (outcome === 'accepted') this.#accepted(piece);
    else if (outcome === 'rejected') this.#counters.drop('rejected', piece.spanCount);
    else await this.#save(piece);
  }

  async #save(piece: Piece): Promise<void> {
    const saved = piece.spanCount > 0 && (await this.#options.save(piece.bytes, piece.spanCount));
    if (saved) this.#counters.add('savedOffline', piece.spanCount);
    else this.#counters.drop('exit_budget', Math.max(1, piece.spanCount));
  }

  #accepted(piece: Piece): void {
    this.#counters.add('accepted', piece.spanCount);
    this.#counters.report(piece.losses);
  }
}
