/**
 * The page's half of the recorder. It is not part of the page's core but loaded by `import()` when there is something
 * to send: it finds out which mode the page allows and starts it.
 */

import { expose, transfer, wrap } from 'comlink';
import { type Hear, listening } from '../sampling/listening.ts';
import type { Sampling } from '../sampling/sampler.ts';
import { createSteering, type SteeringOptions } from '../sampling/steering.ts';
import type { BatchConfig } from './batch-head.ts';
import { createDrain, type Drain, type Send } from './drain.ts';
import { type Answer, createExporter, type Fetch, sendOnce } from './exporter.ts';
import type { RecorderMode } from './mode.ts';
import { OfflineStore, type SavedBatch } from './offline.ts';
import { createProducerHost, MAX_PAGE_RING_BYTES } from './producer-host.ts';
import type { HeardMessage, RecorderWorker } from './protocol.ts';
import type { OpenRecordable } from './recordable.ts';
import { createWorkerFrom } from './worker-url.ts';

export interface RecorderHost {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  /** Makes the worker, or says where its script is. */
  readonly worker: string | (() => Worker);
  /** The page's own `fetch`, not instrumented. */
  readonly fetch: Fetch;
  /** Called with a span before it is recorded; false when it must not be. */
  readonly beforeRecord?: ((span: OpenRecordable) => boolean) | undefined;
  /** In place of `navigator.sendBeacon`. */
  readonly beacon?: ((url: string, bytes: Uint8Array<ArrayBuffer>) => boolean) | undefined;
  readonly loadSteering: SteeringOptions['load'];
  /** What decides about spans where the edge says nothing. */
  readonly sampling: Sampling | null;
  readonly setSampling: (sampling: Sampling | null) => void;
}

export interface Recorder {
  readonly mode: RecorderMode;
  /** Sends everything recorded until now, or ends with `close`. */
  flush(): Promise<void>;
  /** Sends a batch in a way that outlives the page. */
  sendKeepalive(bytes: Uint8Array<ArrayBuffer>): Promise<Answer>;
  /** Keeps a batch until the edge answers again; false when that is not possible. `leaving`: the page goes away. */
  save(batch: Omit<SavedBatch, 'url'>, leaving: boolean): Promise<boolean>;
  /** Serves a producer over `port`; `buffer` is what its ring is in when it is shared. */
  host(port: MessagePort, buffer: SharedArrayBuffer | null): void;
  close(): void;
}

const WORKER_START_MS = 10_000;
const IDLE_MS = 500;

/** Starts the best mode the page allows. Never rejects. */
export async function attachRecorder(host: RecorderHost): Promise<Recorder> {
  const { buffer, config } = host;
  const { url } = config;
  const steering = createSteering({
    url: url.replace('/v1/batch?', '/v1/config?'),
    fetch: host.fetch,
    load: host.loadSteering,
    local: host.sampling,
    apply: host.setSampling,
  });
  const fetch = listening(host.fetch, steering.hear);
  const shared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer ? buffer : null;
  const [worker, offline] = await Promise.all([startWorker(host, shared), OfflineStore.open()]);
  worker?.onHeard(steering.hear);
  const exporter = createExporter({ fetch, url });
  const send: Send = worker ? (bytes) => worker.send(transfer(bytes, [bytes.buffer])) : exporter.send;
  const drain: Drain =
    worker && shared
      ? { run: () => worker.drain(), stop() {} }
      : createDrain({
          buffer,
          config,
          send,
          offline,
          maxRingBytes: MAX_PAGE_RING_BYTES,
          idle: () => steering.calm().then(idle),
        });
  const controller = new AbortController();
  /** Who waits for a flush; a worker that was ended answers nobody. */
  const waiting = new Set<() => void>();
  const onOnline = async () => {
    await (worker?.remote ?? exporter).reopen();
    await drain.run();
  };
  addEventListener('online', () => void onOnline(), { signal: controller.signal });
  // What an earlier visit has left.
  void drain.run();
  return {
    mode: worker ? (shared ? 'shared' : 'copied') : 'page',
    flush: () =>
      new Promise((resolve, reject) => {
        waiting.add(resolve);
        const forget = () => waiting.delete(resolve);
        drain.run().then(resolve, reject).finally(forget);
      }),
    sendKeepalive: (bytes) => sendOnce(fetch, url, bytes, true),
    save: async ({ bytes, spanCount, rank }, leaving) => {
      if (leaving && !isWrittenAtEnd()) return false;
      return (await offline?.save({ url, bytes, spanCount, rank })) ?? false;
    },
    host(port, buffer) {
      if (worker) void worker.remote.host(transfer(port, [port]), buffer);
      else {
        const sendWhileOpen: Send = (bytes) => send(bytes, () => !controller.signal.aborted);
        expose(createProducerHost(config, buffer, sendWhileOpen, offline), port);
      }
    },
    close() {
      controller.abort();
      drain.stop();
      steering.close();
      worker?.terminate();
      offline?.close();
      for (const resolve of waiting) resolve();
    },
  };
}

/**
 * WebKit writes nothing that is asked for at `pagehide`; where the page goes into the back-forward cache the transaction stays, and
 * nobody else can write (seen with WebKitGTK 2.50).
 */
function isWrittenAtEnd(): boolean {
  return navigator.vendor !== 'Apple Computer, Inc.';
}

/** null when the page may not have a worker, or the worker's file is not there. */
async function startWorker(host: RecorderHost, buffer: SharedArrayBuffer | null) {
  let worker: Worker | undefined;
  try {
    worker = typeof host.worker === 'string' ? createWorkerFrom(host.worker) : host.worker();
    const remote = wrap<RecorderWorker>(worker);
    // Comlink runs a script for each proxy that is collected, which ends a page that is in the back-forward cache: they are kept.
    const { start, send, drain } = remote;
    await Promise.race([start({ batch: host.config, buffer }), failed(worker)]);
    const terminate = worker.terminate.bind(worker);
    const onHeard = (hear: Hear) =>
      worker!.addEventListener('message', ({ data }: MessageEvent<Partial<HeardMessage>>) => {
        if (data.directives !== undefined) hear(data.directives, data.offsetMs!);
      });
    return { remote, start, send, drain, terminate, onHeard };
  } catch {
    worker?.terminate();
    return null;
  }
}

function failed(worker: Worker): Promise<never> {
  return new Promise((_, reject) => {
    worker.addEventListener('error', reject);
    setTimeout(reject, WORKER_START_MS);
  });
}

/** The page's next idle moment, or soon where the browser does not know one. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'undefined') setTimeout(resolve, 0);
    else requestIdleCallback(() => resolve(), { timeout: IDLE_MS });
  });
}
