/** What `page-recorder.ts` is for the page, for a user's worker: the worker's own ring, drained by the recorder or copied to it. */

import { transfer, wrap } from 'comlink';
import { createDrain, type Drain } from './drain.ts';
import { createMemory, headerOf, WORD_HEAD } from './memory.ts';
import type { Offer } from './offer.ts';
import { createOpenWatch } from './open-watch.ts';
import type { PageRecorder } from './page-recorder.ts';
import { MAX_PAGE_RING_BYTES, type ProducerHost } from './producer-host.ts';
import type { OpenRecordable } from './recordable.ts';
import { createRingProducer } from './ring-producer.ts';
import { type ScheduledRecorder, type Start, schedule } from './schedule.ts';

/** Starts the recorder of a worker, with what the page has offered it. */
export function startWorkerRecorder(
  offer: Offer,
  start: Start,
  beforeRecord?: (span: OpenRecordable) => boolean,
): ScheduledRecorder {
  return schedule(createWorkerRecorder(offer, start.counts, beforeRecord), start);
}

/** `counts` is what has been counted before; `beforeRecord` is that of `createRingProducer`. */
function createWorkerRecorder(
  { port, config, buffer: shared }: Offer,
  counts: Int32Array,
  beforeRecord?: (span: OpenRecordable) => boolean,
): PageRecorder {
  const buffer = shared ?? createMemory(false);
  const producer = createRingProducer(buffer, beforeRecord);
  producer.counters.words.set(counts);
  const host = wrap<ProducerHost>(port);
  const drain: Drain = shared
    ? { run: () => host.drain(), stop() {} }
    : createDrain({
        buffer,
        config,
        offline: null,
        maxRingBytes: MAX_PAGE_RING_BYTES,
        idle: () => Promise.resolve(),
        send: (bytes) => host.send(transfer(bytes, [bytes.buffer])),
      });
  function flush(): Promise<void> {
    if (shared) Atomics.notify(headerOf(shared), WORD_HEAD);
    return drain.run();
  }
  return {
    ...producer,
    mode: shared ? 'shared' : 'copied',
    get isEmpty() {
      return producer.isEmpty;
    },
    flush,
    watchOpen: createOpenWatch(() => {}),
    ready: () => producer.ready(flush),
    // A worker is never hidden, and has no workers that attach to it.
    show: async () => {},
    attachProducer() {},
    async close() {
      drain.stop();
      port.close();
    },
  };
}
