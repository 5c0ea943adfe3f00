/**
 * What the page does with its spans: keeps them, and decides when they have to be sent. They are encoded not when they end
 * but together before they are sent: that is not the page's busiest moment, costs less, and lets what encodes be loaded
 * later (ADR 60).
 */

import type { ClientDropReason } from '../../model/reasons.ts';
import type { Clock } from '../api/clock.ts';
import type { Stats } from '../api/tailrace.ts';
import type { Sampling } from '../sampling/sampler.ts';
import { Counters } from './counters.ts';
import { sendEarly } from './early-exit.ts';
import type { RecorderMode } from './mode.ts';
import type { EarlyHost, PageRecorder } from './page-recorder.ts';
import type { OpenRecordable, SpanSink } from './recordable.ts';
import { SpanList } from './span-list.ts';
import { BALANCED } from './tuning.ts';

/** The rest is for errors, as long as there is no recorder to take them. */
const NORMAL_SHARE = 0.7;

export interface ProducerOptions {
  /** The page's clock. */
  readonly clock: Pick<Clock, 'segmentUs' | 'nowUs'>;
  readonly host: EarlyHost;
  /** Loads what makes the recorder, with what has been counted before; null when that is not possible now. */
  readonly loadRecorder: () => Promise<((counts: Int32Array) => PageRecorder) | null>;
}

export interface Producer extends SpanSink {
  readonly mode: RecorderMode | 'starting' | 'off';
  stats(): Stats;
  /** Sends everything recorded until now; resolves when it is accepted or cannot be sent for the moment. */
  flush(): Promise<void>;
  /** The page is hidden, or `leaving`: everything goes out at once, the open spans as they are. */
  hide(leaving: boolean): void;
  /** The page is visible again. */
  show(): void;
  /** Sends what there is and lets go of everything. Spans that end after this are not recorded. */
  stop(): Promise<void>;
  /** Drops what is not sent. Spans that end after this are not recorded. */
  forget(): Promise<void>;
  /** Records nothing from now on. */
  discard(): void;
  /** Starts the recorder if it is not there, and records what has ended; null when its file cannot be loaded now. */
  attach(): Promise<PageRecorder | null>;
  /** Has another one decide about the spans that start from now on. */
  setSampling(sampling: Sampling | null): void;
}

export function createProducer({ host, clock, loadRecorder }: ProducerOptions): Producer {
  let { sampling = null } = host;
  const { tuning = BALANCED } = host;
  let counters = new Counters();
  const spans = new SpanList();
  /** What is held by those that have ended and are not encoded. */
  let heldBytes = 0;
  let droppedBytes = 0;
  /** Spans that have ended since the counters were told. */
  let recorded = 0;
  let recorder: PageRecorder | null = null;
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  /** The earliest that was asked for; while a flush is under way nothing is earlier. */
  let flushDelayMs = Number.POSITIVE_INFINITY;
  let ageTimer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  let isForgotten = false;

  /** There is something that has not been delivered. */
  const isPending = () => heldBytes > 0 || recorder?.isEmpty === false;

  async function attach(): Promise<PageRecorder | null> {
    const create = recorder ? null : await loadRecorder();
    if (create && !recorder && !isForgotten) {
      recorder = create(counters.words);
      counters = recorder.counters;
    }
    encode();
    return recorder;
  }

  function countRecorded(): void {
    counters.add('recorded', recorded);
    recorded = 0;
  }

  /** Records the spans that have ended, and with `isAll` also those that are open and have changed. */
  function encode(isAll = false): void {
    countRecorded();
    if (!recorder) return;
    const { push } = recorder;
    heldBytes = 0;
    spans.sweep((span) => {
      const isOpen = span.endUs === null;
      if (span.changed && (!isOpen || isAll)) push(span);
      return isOpen;
    });
  }

  /** Gives up a span that has ended. */
  function drop(span: OpenRecordable, reason: ClientDropReason): void {
    counters.add(reason);
    span.changed = false;
    droppedBytes += span.heldBytes;
    if (droppedBytes < tuning.flushBytes) return;
    // It costs a look at all of them, so not for each.
    droppedBytes = 0;
    spans.sweep(({ endUs, changed }) => endUs === null || changed);
  }

  async function flush(): Promise<void> {
    if (isPending()) await (await attach())?.flush();
  }

  async function hide(leaving: boolean): Promise<void> {
    encode(true);
    if (recorder) return recorder.flush(leaving);
    try {
      sendEarly(spans, host, counters, leaving);
      heldBytes = 0;
    } catch {
      counters.add('encode_failed');
    }
  }

  /** One timer, at the earliest of what was asked for; while a flush is under way it will see to the rest. */
  function scheduleFlush(delayMs: number): void {
    if (isStopped || delayMs >= flushDelayMs) return;
    clearTimeout(flushTimer);
    flushDelayMs = delayMs;
    flushTimer = setTimeout(async () => {
      flushDelayMs = -1;
      await flush();
      flushDelayMs = Number.POSITIVE_INFINITY;
      // Without its file there is nobody to send; the age will see to it.
      if (recorder && heldBytes > 0) scheduleFlush(heldBytes >= tuning.flushBytes ? 0 : tuning.rootEndedMs);
    }, delayMs);
  }

  /** Every 5 s, as long as there is something: what is held goes out, and the spans that are open. */
  function watchAge(): void {
    ageTimer ??= setTimeout(async () => {
      ageTimer = undefined;
      (await attach())?.watchOpen(spans, clock.nowUs);
      encode(true);
      // Not by another timer: a page in the background may have to wait a second for each.
      void flush();
      if (!spans.isEmpty || isPending()) watchAge();
    }, tuning.ageMs);
  }

  function setSampling(next: Sampling | null): void {
    sampling = next;
    counters.noteSampling(next);
  }

  function discard(): void {
    isStopped = true;
    clearTimeout(flushTimer);
    clearTimeout(ageTimer);
  }

  setSampling(sampling);
  return {
    stats() {
      countRecorded();
      return counters.all();
    },
    segmentUs: clock.segmentUs,
    nowUs: clock.nowUs,
    get sampling() {
      return sampling;
    },
    setSampling,
    flush,
    attach,
    ready: async () => (await attach())?.ready(),
    discard,
    get mode() {
      return isStopped ? 'off' : (recorder?.mode ?? 'starting');
    },
    onStart(span) {
      if (isStopped) return;
      spans.add(span);
      watchAge();
    },
    onEnd(span) {
      if (isStopped) return;
      recorded++;
      const bytes = heldBytes + span.heldBytes;
      if (!recorder && bytes > tuning.ringBytes * (span.statusCode === 2 ? 1 : NORMAL_SHARE))
        return drop(span, 'ring_full');
      heldBytes = bytes;
      if (bytes >= tuning.ringBytes) encode();
      if (heldBytes >= tuning.flushBytes) scheduleFlush(0);
      else if (!span.parent) scheduleFlush(tuning.rootEndedMs);
    },
    onDrop(span) {
      if (!isStopped) drop(span, 'not_sampled');
    },
    onIgnored: () => counters.add('ignored'),
    hide: (leaving) => void hide(leaving),
    show: () => void recorder?.show().then(flush),
    async forget() {
      isForgotten = true;
      discard();
      spans.sweep(() => false);
      await recorder?.close();
    },
    async stop() {
      if (isStopped) return;
      discard();
      await flush();
      // What could not be sent now is kept for the next visit.
      await hide(false);
      recorder?.close();
    },
  };
}
