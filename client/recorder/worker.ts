/** The recorder worker: drains shared memory, or sends the batches the page gives it. Everything it sends is deflated. */

import { expose } from 'comlink';
import { listening } from '../sampling/listening.ts';
import { deflateBatch } from './deflate.ts';
import { createDrain } from './drain.ts';
import { sendWithRetry } from './exporter.ts';
import type { HeardMessage, RecorderWorker, WorkerConfig } from './protocol.ts';

/** Ring bytes in one batch: some 1,000 spans. */
const MAX_RING_BYTES = 256 * 1024;

/** Serves the page that made this worker. */
export function startWorker(): void {
  let url = '';
  const send = listening(fetch, (directives, offsetMs) => postMessage({ directives, offsetMs } satisfies HeardMessage));
  let drain: (() => Promise<void>) | null = null;
  const worker: RecorderWorker = {
    start({ batch, buffer }: WorkerConfig) {
      url = batch.url;
      if (!buffer) return;
      drain = createDrain({
        buffer,
        config: batch,
        maxRingBytes: MAX_RING_BYTES,
        idle: () => Promise.resolve(),
        send: async (bytes, isWanted) => sendWithRetry(send, url, await deflateBatch(bytes), isWanted),
      });
    },
    async drain() {
      await drain?.();
    },
    send: async (bytes) => sendWithRetry(send, url, await deflateBatch(bytes)),
  };
  expose(worker);
}
