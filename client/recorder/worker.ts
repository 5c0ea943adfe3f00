/** The recorder worker: drains shared memory, or sends the batches the page gives it. Everything it sends is deflated. */

import { expose } from 'comlink';
import type { BatchConfig } from './batch-head.ts';
import { deflateBatch } from './deflate.ts';
import { createDrain, type Send } from './drain.ts';
import { sendWithRetry } from './exporter.ts';
import { createProducerHost } from './producer-host.ts';
import type { RecorderWorker, WorkerConfig } from './protocol.ts';

/** Ring bytes in one batch: some 1,000 spans. */
const MAX_RING_BYTES = 256 * 1024;

/** Serves the page that made this worker. */
export function startWorker(): void {
  let config: BatchConfig;
  const send: Send = async (bytes, isWanted) => sendWithRetry(fetch, config.url, await deflateBatch(bytes), isWanted);
  let drain: (() => Promise<void>) | null = null;
  const worker: RecorderWorker = {
    start({ batch, buffer }: WorkerConfig) {
      config = batch;
      if (!buffer) return;
      drain = createDrain({
        buffer,
        config: batch,
        maxRingBytes: MAX_RING_BYTES,
        idle: () => Promise.resolve(),
        send,
      });
    },
    async drain() {
      await drain?.();
    },
    host: (port, buffer) => expose(createProducerHost(config, buffer, send), port),
    send: (bytes) => send(bytes, () => true),
  };
  expose(worker);
}
