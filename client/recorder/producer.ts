/** The page's end of the ring: pushes a record for each span, and decides when what was pushed has to be sent. */

import type { Clock } from '../api/clock.ts';
import { noteSampling } from '../sampling/leaves-out.ts';
import type { Sampling } from '../sampling/sampler.ts';
import type { Recorder, RecorderHost } from './attach.ts';
import { Counters } from './counters.ts';
import { createExit } from './exit.ts';
import type { RecorderMode } from './mode.ts';
import { createRecordWriter } from './record.ts';
import type { OpenRecordable, SpanSink } from './recordable.ts';
import { createRing } from './ring.ts';
import { createStringTable } from './strings.ts';

const ROOT_ENDED_FLUSH_MS = 500;
const AGE_FLUSH_MS = 5_000;
/** This much in the ring is sent without waiting. */
const FLUSH_RING_BYTES = 256 * 1024;

type RecorderModule = typeof import('./entry.ts');

export interface ProducerOptions extends Omit<RecorderHost, 'setSampling'> {
  /** The page's clock. */
  readonly clock: Pick<Clock, 'segmentUs' | 'nowUs'>;
  /** Loads `recorder.js`. */
  readonly loadRecorder: () => Promise<RecorderModule>;
}

export interface Producer extends SpanSink {
  readonly mode: RecorderMode | 'starting' | 'off';
  readonly counters: Counters;
  /** Sends everything recorded until now; resolves when it is accepted or cannot be sent for the moment. */
  flush(): Promise<void>;
  /** The page is hidden, or `leaving`: everything goes out at once, the open spans as they are. */
  hide(leaving: boolean): void;
  /** The page is visible again. */
  show(): void;
  /** Sends what there is and lets go of everything. Spans that end after this are not recorded. */
  stop(): Promise<void>;
  /** Records nothing from now on. */
  discard(): void;
  /** Has another one decide about the spans that start from now on. */
  setSampling(sampling: Sampling | null): void;
  /** Loads the recorder's file; null when that is not possible now. */
  load(): Promise<RecorderModule | null>;
}

export function createProducer(options: ProducerOptions): Producer {
  const { buffer, config, clock } = options;
  const counters = new Counters(buffer);
  const ring = createRing(buffer);
  const write = createRecordWriter(ring, createStringTable(buffer));
  const exit = createExit({ buffer, config, recorder: () => recorder });
  const open = new Set<OpenRecordable>();
  let recorder: Recorder | null = null;
  let attaching: Promise<Recorder | null> | null = null;
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  let flushDelayMs = Number.POSITIVE_INFINITY;
  let isFlushing = false;
  let ageTimer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  let sampling: Sampling | null = null;

  const load = () => options.loadRecorder().catch(() => null);

  /** Starts the recorder; null when its file cannot be loaded now. */
  function attach(): Promise<Recorder | null> {
    attaching ??= load().then(async (file) => {
      recorder = file && (await file.attachRecorder({ ...options, setSampling }));
      if (!file) attaching = null;
      return recorder;
    });
    return attaching;
  }

  /** `leaving` is given while the page is being hidden: then it has to be done before this returns. */
  async function flush(leaving?: boolean): Promise<void> {
    try {
      if (ring.usedBytes === 0) return;
      if (leaving !== undefined || exit.isActive) await exit.send(!!leaving);
      else await (await attach())?.flush();
    } catch {
      counters.add('encode_failed');
    }
  }

  function push(span: OpenRecordable): void {
    span.changed = false;
    try {
      if (!write(span)) counters.add('ring_full');
    } catch (error) {
      // Otherwise user code gave something that no type allows.
      counters.add(error instanceof RangeError ? 'span_too_large' : 'encode_failed');
    }
  }

  function recordOpen(): void {
    for (const span of open) if (span.changed) push(span);
  }

  /** One timer, at the earliest of what was asked for; while a flush is under way it will see to the rest. */
  function scheduleFlush(delayMs: number): void {
    if (isStopped || isFlushing || delayMs >= flushDelayMs) return;
    clearTimeout(flushTimer);
    flushDelayMs = delayMs;
    flushTimer = setTimeout(async () => {
      flushDelayMs = Number.POSITIVE_INFINITY;
      isFlushing = true;
      await flush();
      isFlushing = false;
    }, delayMs);
  }

  /** Every 5 s, as long as there is something: what is in the ring goes out, and the spans that are open. */
  function watchAge(): void {
    ageTimer ??= setTimeout(() => {
      ageTimer = undefined;
      recordOpen();
      if (ring.usedBytes > 0) scheduleFlush(0);
      if (open.size > 0 || ring.usedBytes > 0) watchAge();
    }, AGE_FLUSH_MS);
  }

  function setSampling(next: Sampling | null): void {
    sampling = next;
    noteSampling(buffer, next);
  }

  function discard(): void {
    isStopped = true;
    open.clear();
    clearTimeout(flushTimer);
    clearTimeout(ageTimer);
  }

  setSampling(options.sampling);
  return {
    counters,
    segmentUs: clock.segmentUs,
    nowUs: clock.nowUs,
    get sampling() {
      return sampling;
    },
    setSampling,
    flush: () => flush(),
    load,
    discard,
    get mode() {
      return isStopped ? 'off' : (recorder?.mode ?? 'starting');
    },
    onStart(span) {
      if (isStopped) return;
      open.add(span);
      watchAge();
    },
    onEnd(span) {
      if (!open.delete(span)) return;
      counters.add('recorded');
      push(span);
      if (ring.usedBytes >= FLUSH_RING_BYTES) scheduleFlush(0);
      else if (!span.place.parent) scheduleFlush(ROOT_ENDED_FLUSH_MS);
    },
    onDrop(span) {
      open.delete(span);
      if (!isStopped) counters.add('not_sampled');
    },
    onIgnored: () => counters.add('ignored'),
    hide(leaving) {
      recordOpen();
      void flush(leaving);
    },
    show: () => void exit.giveBack().then(() => scheduleFlush(0)),
    async stop() {
      if (isStopped) return;
      recordOpen();
      discard();
      await flush();
      // What could not be sent now is kept for the next visit.
      await flush(false);
      recorder?.close();
    },
  };
}
