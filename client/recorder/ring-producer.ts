/** The producer's end of a ring: pushes records, counts what cannot be, and knows when there is room. */

import type { Counters } from './counters.ts';
import { countersOf, headerOf, WORD_CAPACITY } from './memory.ts';
import { createRecordWriter } from './record.ts';
import type { OpenRecordable } from './recordable.ts';
import { createRing } from './ring.ts';
import { createStringTable } from './strings.ts';

/** Room that `ready` finds, as a share of the capacity: below it ordinary spans fit, and some more. */
const READY_SHARE = 0.5;
const RETRY_MS = 10;
/** A recorder that was ended does not answer: whether there is room is looked at again after this. */
const PATIENCE_MS = 1_000;

export interface RingProducer {
  readonly counters: Counters;
  /** Nothing is in the ring. */
  readonly isEmpty: boolean;
  /** Pushes a record of the span as it is now, or counts why that cannot be. */
  push(span: OpenRecordable): void;
  /** Resolves when half of the ring is free; `flush` is what makes room. */
  ready(flush: () => Promise<void>): Promise<void>;
}

/** `beforeRecord` is called with a span before it is pushed; false when it must not be. */
export function createRingProducer(
  buffer: ArrayBufferLike,
  beforeRecord?: (span: OpenRecordable) => boolean,
): RingProducer {
  const counters = countersOf(buffer);
  const ring = createRing(buffer);
  const write = createRecordWriter(ring, createStringTable(buffer));
  const readyBytes = headerOf(buffer)[WORD_CAPACITY]! * READY_SHARE;
  return {
    counters,
    get isEmpty() {
      return ring.usedBytes === 0;
    },
    push(span) {
      try {
        const isAllowed = beforeRecord?.(span) !== false;
        // What the page's own code did meanwhile may have had it recorded.
        if (!span.changed) return;
        if (!isAllowed) counters.add('encode_failed');
        else if (!write(span)) counters.add('ring_full');
      } catch (error) {
        // Otherwise user code gave something that no type allows.
        counters.add(error instanceof RangeError ? 'span_too_large' : 'encode_failed');
      }
      // Only now: Firefox may stop a script in the middle when its tab is closed, and then the next event has to do it all.
      span.changed = false;
    },
    async ready(flush) {
      while (ring.usedBytes > readyBytes) {
        await Promise.race([flush(), pause(PATIENCE_MS)]);
        if (ring.usedBytes > readyBytes) await pause(RETRY_MS);
      }
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
