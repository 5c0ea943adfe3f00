/**
 * The page's half of the recorder. It is not part of the page's core but loaded by `import()` when there is something
 * to send: it finds out which mode the page allows and starts it.
 */

import { transfer, wrap } from 'comlink';
import { type Hear, listening } from '../sampling/listening.ts';
import type { Sampling } from '../sampling/sampler.ts';
import { createSteering, type SteeringOptions } from '../sampling/steering.ts';
import type { BatchConfig } from './batcher.ts';
import { Counters } from './counters.ts';
import { createDrain, type Send } from './drain.ts';
import { type Fetch, sendOnce, sendWithRetry } from './exporter.ts';
import type { RecorderMode } from './mode.ts';
import { OfflineStore } from './offline.ts';
import type { Outcome } from './outcome.ts';
import type { HeardMessage, RecorderWorker } from './protocol.ts';
import { createWorkerFrom } from './worker-url.ts';

export interface RecorderHost {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  /** Makes the worker, or says where its script is. */
  readonly worker: string | (() => Worker);
  /** The page's own `fetch`, not instrumented. */
  readonly fetch: Fetch;
  readonly loadSteering: SteeringOptions['load'];
  /** What decides about spans where the edge says nothing. */
  readonly sampling: Sampling | null;
  readonly setSampling: (sampling: Sampling | null) => void;
}

export interface Recorder {
  readonly mode: RecorderMode;
  /** Sends everything recorded until now. */
  flush(): Promise<void>;
  /** Sends a batch in a way that outlives the page. */
  sendKeepalive(bytes: Uint8Array<ArrayBuffer>): Promise<Outcome>;
  /** Keeps a batch for the next visit; false when that is not possible. */
  save(bytes: Uint8Array<ArrayBuffer>, spanCount: number): Promise<boolean>;
  close(): void;
}

/** Ring bytes in one batch: some 300 spans, encoded in 2 ms or less. */
const MAX_RING_BYTES = 64 * 1024;
const WORKER_START_MS = 10_000;
const OFFLINE_START_MS = 2_000;
const IDLE_MS = 500;

/** Starts the best mode the page allows. Never rejects. */
export async function attachRecorder(host: RecorderHost): Promise<Recorder> {
  const { buffer, config, setSampling } = host;
  const steering = createSteering({
    url: config.url.replace('/v1/batch?', '/v1/config?'),
    fetch: host.fetch,
    load: host.loadSteering,
    local: host.sampling,
    apply: setSampling,
  });
  const fetch = listening(host.fetch, steering.hear);
  const shared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer ? buffer : null;
  // WebKit's IndexedDB has been known not to answer at all (https://bugs.webkit.org/show_bug.cgi?id=226547).
  const opening = Promise.race([OfflineStore.open(), wait(OFFLINE_START_MS)]);
  const [worker, offline] = await Promise.all([startWorker(host, shared), opening]);
  worker?.onHeard(steering.hear);
  if (offline) void sendSaved(offline, host);
  const send: Send = worker
    ? (bytes) => worker.remote.send(transfer(bytes, [bytes.buffer]))
    : (bytes, isWanted) => sendWithRetry(fetch, config.url, bytes, isWanted);
  const drain = createDrain({
    buffer,
    config,
    send,
    maxRingBytes: MAX_RING_BYTES,
    idle: () => steering.calm().then(idle),
  });
  return {
    mode: worker ? (shared ? 'shared' : 'copied') : 'page',
    flush: () => (worker && shared ? worker.remote.drain() : drain()),
    sendKeepalive: async (bytes) => (await sendOnce(fetch, config.url, bytes, true)).outcome,
    save: async (bytes, spanCount) => (await offline?.save({ url: config.url, bytes, spanCount })) ?? false,
    close() {
      steering.close();
      worker?.terminate();
      offline?.close();
    },
  };
}

/** null when the page may not have a worker, or the worker's file is not there. */
async function startWorker(host: RecorderHost, buffer: SharedArrayBuffer | null) {
  let worker: Worker | undefined;
  try {
    worker = typeof host.worker === 'string' ? createWorkerFrom(host.worker) : host.worker();
    const remote = wrap<RecorderWorker>(worker);
    await Promise.race([remote.start({ batch: host.config, buffer }), failed(worker)]);
    const terminate = worker.terminate.bind(worker);
    const onHeard = (hear: Hear) =>
      worker!.addEventListener('message', ({ data }: MessageEvent<Partial<HeardMessage>>) => {
        if (data.directives !== undefined) hear(data.directives, data.offsetMs!);
      });
    return { remote, terminate, onHeard };
  } catch {
    worker?.terminate();
    return null;
  }
}

function wait(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null));
}

function failed(worker: Worker): Promise<never> {
  return new Promise((_, reject) => {
    worker.addEventListener('error', reject);
    setTimeout(reject, WORKER_START_MS);
  });
}

async function sendSaved(offline: OfflineStore, { buffer, config, fetch }: RecorderHost): Promise<void> {
  const counters = new Counters(buffer);
  const { accepted, rejected, givenUp } = await offline.sendAll(fetch, config.url);
  counters.add('accepted', accepted);
  if (rejected > 0) counters.add('rejected', rejected);
  if (givenUp > 0) counters.add('offline_cap', givenUp);
}

/** The page's next idle moment, or soon where the browser does not know one. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'undefined') setTimeout(resolve, 0);
    else requestIdleCallback(() => resolve(), { timeout: IDLE_MS });
  });
}
