/** The recorder worker: drains shared memory, or sends the batches the page gives it. Everything it sends is deflated. */

import { expose } from 'comlink';
import { deflateBatch } from './deflate.ts';
import { createDrain, type Drain, type Send } from './drain.ts';
import { createExporter, type Exporter } from './exporter.ts';
import { OfflineStore } from './offline.ts';
import type { RecorderWorker, WorkerConfig } from './protocol.ts';

/** Ring bytes in one batch: some 1,000 spans. */
const MAX_RING_BYTES = 256 * 1024;

/** Serves the page that made this worker. */
export function startWorker(): void {
  let exporter: Exporter | null = null;
  let drain: Drain | null = null;
  const send: Send = async (bytes, isWanted) => exporter!.send(await deflateBatch(bytes), isWanted);
  const worker: RecorderWorker = {
    async start({ batch, buffer }: WorkerConfig) {
      exporter = createExporter({ fetch, url: batch.url });
      if (!buffer) return;
      drain = createDrain({
        buffer,
        config: batch,
        send,
        offline: await OfflineStore.open(),
        maxRingBytes: MAX_RING_BYTES,
        idle: () => Promise.resolve(),
      });
    },
    async drain() {
      await drain?.run();
    },
    reopen() {
      exporter?.reopen();
    },
    send: (bytes) => send(bytes, () => true),
  };
  expose(worker);
}
