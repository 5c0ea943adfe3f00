/** Drains the ring: reads, encodes, sends, and releases what was accepted, one batch after the other. */

import { type BatchConfig, encodeBatch } from './batcher.ts';
import { DRAIN } from './claim.ts';
import { byStart, Consumer } from './consumer.ts';
import { Counters } from './counters.ts';
import type { Outcome } from './outcome.ts';

/** Delivers one encoded batch. `isWanted` turns false when the page has taken over. */
export type Send = (bytes: Uint8Array<ArrayBuffer>, isWanted: () => boolean) => Promise<Outcome>;

export interface DrainOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  readonly send: Send;
  /** How much of the ring goes into one batch; bounds the time that one step takes. */
  readonly maxRingBytes: number;
  /** Waits for a good moment to read and encode. */
  readonly idle: () => Promise<void>;
}

export class Drain {
  readonly #options: DrainOptions;
  readonly #consumer: Consumer;
  readonly #counters: Counters;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#consumer = new Consumer(options.buffer, DRAIN);
    this.#counters = new Counters(options.buffer);
  }

  /** Sends everything recorded until now. Resolves when it is accepted, or the edge cannot be reached. */
  run(): Promise<void> {
    if (this.#running) {
      // The run under way may have read the ring before the last record was pushed: look again after it.
      this.#next ??= this.#running.then(() => {
        this.#next = null;
        return this.run();
      });
      return this.#next;
    }
    const running = this.#drain().finally(() => {
      this.#running = null;
    });
    this.#running = running.catch(() => undefined);
    return running;
  }

  async #drain(): Promise<void> {
    const { claim } = this.#consumer;
    do await this.#options.idle();
    while (claim.check() && (await this.#sendNext()));
  }

  /** False when there is nothing more to do. */
  async #sendNext(): Promise<boolean> {
    const { buffer, config, send, maxRingBytes } = this.#options;
    const { claim } = this.#consumer;
    const reading = this.#consumer.read(claim.position, maxRingBytes);
    if (!reading) return false;
    const { records, end } = reading;
    const losses = this.#counters.unreported();
    const { bytes } = encodeBatch({ buffer, config, records: records.sort(byStart), losses });
    if (!claim.holds()) return false;
    const outcome = await send(bytes, () => claim.holds());
    if (outcome === 'unavailable') return false;
    // Without the role these spans are the page's, and it counts them.
    if (!claim.release(end)) return false;
    if (outcome === 'accepted') {
      this.#counters.add('accepted', records.length);
      this.#counters.report(losses);
    } else this.#counters.add('rejected', records.length);
    return true;
  }
}
