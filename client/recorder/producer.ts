/**
 * What the page does with its spans: keeps them, and has the recorder loaded when there is something to send. They are encoded
 * not when they end but together before they are sent: that is not the page's busiest moment, costs less, and lets what
 * encodes be loaded later (ADR 60).
 */

import type { ClientDropReason } from '../../model/reasons.ts';
import type { Clock } from '../api/clock.ts';
import type { Stats } from '../api/tailrace.ts';
import type { Sampling } from '../sampling/sampler.ts';
import { Counters } from './counters.ts';
import type { RecorderMode } from './mode.ts';
import type { OpenRecordable, SpanSink } from './recordable.ts';
import type { ScheduledRecorder, Start } from './schedule.ts';
import { SpanList } from './span-list.ts';
import { BALANCED, type Tuning } from './tuning.ts';

/** The rest is for errors, as long as there is no recorder to take them. */
const NORMAL_SHARE = 0.7;

export interface ProducerOptions {
  /** The page's clock. */
  readonly clock: Pick<Clock, 'segmentUs' | 'nowUs'>;
  readonly sampling?: Sampling | null;
  readonly tuning?: Tuning | undefined;
  /** Sends the spans as they are now; `leaving` as in `hide`. Called as long as there is no recorder; pages need it. */
  readonly sendEarly?: (spans: SpanList, counters: Counters, leaving: boolean) => void;
  /** Loads what makes the recorder; null when that is not possible now. */
  readonly loadRecorder: () => Promise<((start: Start) => ScheduledRecorder) | null>;
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
  attach(): Promise<ScheduledRecorder | null>;
  /** Has another one decide about the spans that start from now on. */
  setSampling(sampling: Sampling | null): void;
}

export function createProducer(options: ProducerOptions): Producer {
  const { clock, tuning = BALANCED, sendEarly, loadRecorder } = options;
  let counters = new Counters();
  const spans = new SpanList();
  /** What is held by those that have ended before there is a recorder. */
  let heldBytes = 0;
  let droppedBytes = 0;
  let recorder: ScheduledRecorder | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delayMs = Number.POSITIVE_INFINITY;
  let isStopped = false;
  let isForgotten = false;

  async function attach(): Promise<ScheduledRecorder | null> {
    const start = recorder ? null : await loadRecorder();
    if (start && !recorder && !isForgotten) {
      try {
        recorder = start({ spans, counts: counters.words, tuning, nowUs: clock.nowUs });
        counters = recorder.counters;
      } catch {
        // There may be no memory for a ring now.
      }
    }
    return recorder;
  }

  async function flush(): Promise<void> {
    if (recorder || !spans.isEmpty) await (await attach())?.flush();
  }

  /** Until there is a recorder: one timer, at the earliest of what was asked for. */
  function flushIn(ms: number): void {
    if (ms >= delayMs) return;
    clearTimeout(timer);
    delayMs = ms;
    timer = setTimeout(async () => {
      await flush();
      delayMs = Number.POSITIVE_INFINITY;
      if (recorder || isStopped) return;
      // Its file cannot be loaded now, and not sooner for whatever may end meanwhile.
      flushIn(tuning.ageMs);
      delayMs = 0;
    }, ms);
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

  async function hide(leaving: boolean): Promise<void> {
    if (recorder) return recorder.hide(leaving);
    try {
      sendEarly?.(spans, counters, leaving);
      heldBytes = 0;
    } catch {
      counters.add('encode_failed');
    }
  }

  function setSampling(next: Sampling | null): void {
    producer.sampling = next;
    counters.noteSampling(next);
  }

  function discard(): void {
    isStopped = true;
    clearTimeout(timer);
  }

  const producer: Producer & { sampling: Sampling | null } = {
    stats: () => counters.all(),
    segmentUs: clock.segmentUs,
    nowUs: clock.nowUs,
    sampling: null,
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
      if (recorder) recorder.onStart();
      else flushIn(tuning.ageMs);
    },
    onEnd(span) {
      if (isStopped) return;
      counters.countRecorded();
      if (recorder) return recorder.onEnd(span);
      const bytes = heldBytes + span.heldBytes;
      if (bytes > tuning.ringBytes * (span.statusCode === 2 ? 1 : NORMAL_SHARE)) return drop(span, 'ring_full');
      heldBytes = bytes;
      flushIn(bytes >= tuning.flushBytes ? 0 : span.parent ? tuning.ageMs : tuning.rootEndedMs);
    },
    onDrop(span) {
      if (!isStopped) drop(span, 'not_sampled');
    },
    onIgnored: () => counters.add('ignored'),
    hide: (leaving) => void hide(leaving),
    show: () => void recorder?.show(),
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
  setSampling(options.sampling ?? null);
  return producer;
}
