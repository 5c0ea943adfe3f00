/** The recorder worker: drains shared memory, or sends the batches the page gives it. Everything it sends is deflated. */

import { expose } from 'comlink';
import { listening } from '../sampling/listening.ts';
import type { BatchConfig } from './batch-head.ts';
import { deflateBatch } from './deflate.ts';
import { createDrain, type Drain, type Send } from './drain.ts';
import { createExporter, type Exporter, type Fetch } from './exporter.ts';
import { OfflineStore } from './offline.ts';
import { createProducerHost } from './producer-host.ts';
import type { HeardMessage, RecorderWorker, WorkerConfig } from './protocol.ts';

/** Ring bytes in one batch: some 1,000 spans. */
const MAX_RING_BYTES = 256 * 1024;

/** How a worker sends batches. */
export interface WorkerTransport {
  readonly fetch: Fetch;
  /** The form in which a batch is sent. */
  pack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** Serves the page that made this worker. */
export function startWorker(transportFor: (config: BatchConfig) => WorkerTransport = deflating): void {
  let config: BatchConfig;
  let transport: WorkerTransport;
  let exporter: Exporter;
  let offline: OfflineStore | null = null;
  let drain: Drain | null = null;
  const send: Send = async (bytes, isWanted) => exporter.send(await transport.pack(bytes), isWanted);
  const worker: RecorderWorker = {
    async start({ batch, buffer }: WorkerConfig) {
      config = batch;
      transport = transportFor(batch);
      const fetch = listening(transport.fetch, (directives, offsetMs) =>
        postMessage({ directives, offsetMs } satisfies HeardMessage),
      );
      exporter = createExporter({ fetch, url: batch.url });
      if (!buffer) return;
      offline = await OfflineStore.open();
      drain = createDrain({
        buffer,
        config: batch,
        maxRingBytes: MAX_RING_BYTES,
        idle: () => Promise.resolve(),
        send,
        offline,
      });
    },
    async drain() {
      await drain?.run();
    },
    reopen() {
      exporter.reopen();
    },
    host: (port, buffer) => expose(createProducerHost(config, buffer, send, offline), port),
    send: (bytes) => send(bytes, () => true),
  };
  expose(worker);
}

/** As the edge takes them. */
function deflating(): WorkerTransport {
  return { fetch, pack: deflateBatch };
}
