/**
 * The recorder's end of a producer in a user's worker: the producer says what it needs over a port of its own, to the
 * recorder worker or, where there is none, to the page.
 */

import type { BatchConfig } from './batch-head.ts';
import { createDrain, type DrainOptions, type Send } from './drain.ts';
import { headerOf, WORD_CLAIM, WORD_HEAD, WORD_LEFT } from './memory.ts';
import type { Sent } from './outcome.ts';

/** Ring bytes in one batch: some 300 spans, encoded in 2 ms or less. */
export const MAX_PAGE_RING_BYTES: number = 64 * 1024;
/** For how long spans are collected before they are sent. */
const COLLECT_MS = 200;

/** What a producer may ask for, over Comlink. */
export interface ProducerHost {
  /** Sends everything in the producer's shared ring. */
  drain(): Promise<void>;
  /** Sends the copy of a batch; the producer releases its records when this says `accepted`. */
  send(bytes: Uint8Array<ArrayBuffer>): Promise<Sent>;
}

/** `buffer` is what the ring is in when it is shared; `send` and `offline` are how the host itself sends and stores. */
export function createProducerHost(
  config: BatchConfig,
  buffer: SharedArrayBuffer | null,
  send: Send,
  offline: DrainOptions['offline'],
): ProducerHost {
  let drain = async () => {};
  if (buffer) {
    drain = createDrain({ buffer, config, send, offline, maxRingBytes: MAX_PAGE_RING_BYTES, idle: async () => {} }).run;
    void watch(headerOf(buffer), drain);
  }
  return { drain: () => drain(), send: (bytes) => send(bytes, () => true) };
}

/** Drains whenever there is something, also what was left by a producer that is no more; then it ends. */
async function watch(header: Int32Array, drain: () => Promise<void>): Promise<void> {
  for (;;) {
    const head = Atomics.load(header, WORD_HEAD);
    // The low half of the claim is the consumer's position.
    if (head !== Atomics.load(header, WORD_CLAIM)) await drain().catch(() => {});
    else if (Atomics.load(header, WORD_LEFT) > 0) return;
    else if ('waitAsync' in Atomics) await Atomics.waitAsync(header, WORD_HEAD, head).value;
    await new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
  }
}
