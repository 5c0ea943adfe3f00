/** What the page and the recorder worker say to each other, over Comlink. Spans go through the ring, or as a batch's bytes. */

import type { BatchConfig } from './batch-head.ts';
import type { Sent } from './outcome.ts';

/** The name that makes `recorder.js` start as a worker; anything else only imports it. */
export const WORKER_NAME = 'tailrace-recorder';

export interface WorkerConfig {
  readonly batch: BatchConfig;
  /** The shared memory to drain; null when the page drains its own and hands over batches. */
  readonly buffer: SharedArrayBuffer | null;
}

/** The worker tells, unasked and beside Comlink, what an answer of the edge said. */
export interface HeardMessage {
  /** The header `tailrace-directives`. */
  readonly directives: string;
  /** The edge's clock less the page's. */
  readonly offsetMs: number;
}

export interface RecorderWorker {
  /** To be called first. An answer proves that the worker runs. */
  start(config: WorkerConfig): Promise<void>;
  /** Sends everything in the shared ring; see `Drain.run`. */
  drain(): Promise<void>;
  /** The network is back: no need to wait any longer before something is tried. */
  reopen(): void;
  /** Serves a producer over `port`; `buffer` is what its ring is in when it is shared. */
  host(port: MessagePort, buffer: SharedArrayBuffer | null): void;
  /** Sends the copy of a batch; the page releases its records when this says `accepted`. */
  send(bytes: Uint8Array<ArrayBuffer>): Promise<Sent>;
}
