/** Decides when what is recorded is encoded and sent: after a root, at a size, and every few seconds. */

import type { Clock } from '../api/clock.ts';
import type { PageRecorder } from './page-recorder.ts';
import type { OpenRecordable } from './recordable.ts';
import type { SpanList } from './span-list.ts';
import type { Tuning } from './tuning.ts';

/** What the page's producer has when its recorder comes. */
export interface Start {
  readonly spans: SpanList;
  /** What has been counted. */
  readonly counts: Int32Array;
  readonly tuning: Tuning;
  readonly nowUs: Clock['nowUs'];
}

/** A recorder that knows when to send. */
export interface ScheduledRecorder extends Pick<PageRecorder, 'mode' | 'counters' | 'ready' | 'attachProducer'> {
  /** A span is in the list. */
  onStart(): void;
  /** To be called once for each span that started. */
  onEnd(span: OpenRecordable): void;
  /** Sends everything recorded until now; resolves when it is accepted or cannot be sent for the moment. */
  flush(): Promise<void>;
  /** The page is hidden, or `leaving`: everything goes out at once, the open spans as they are. */
  hide(leaving: boolean): Promise<void>;
  /** The page is visible again. */
  show(): Promise<void>;
  /** Ends all sending, also what is under way where that can be. */
  close(): Promise<void>;
}

export function schedule(recorder: PageRecorder, { spans, tuning, nowUs }: Start): ScheduledRecorder {
  /** What is held by those that have ended and are not encoded. */
  let heldBytes = 0;
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  /** The earliest that was asked for; while a flush is under way nothing is earlier. */
  let flushDelayMs = Number.POSITIVE_INFINITY;
  let encodeTimer: ReturnType<typeof setTimeout> | undefined;
  let ageTimer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  /** There is something that has not been delivered. */
  const isPending = () => heldBytes > 0 || !recorder.isEmpty;

  /** Records the spans that have ended, and with `isAll` also those that are open and have changed. */
  function encode(isAll = false): void {
    clearTimeout(encodeTimer);
    encodeTimer = undefined;
    heldBytes = 0;
    spans.sweep((span) => {
      const isOpen = span.endUs === null;
      if (span.changed && (!isOpen || isAll)) recorder.push(span);
      return isOpen;
    });
  }

  async function flush(): Promise<void> {
    encode();
    if (isPending()) await recorder.flush();
  }

  /** One timer, at the earliest of what was asked for; while a flush is under way it will see to the rest. */
  function flushIn(delayMs: number): void {
    if (isClosed || delayMs >= flushDelayMs) return;
    clearTimeout(flushTimer);
    flushDelayMs = delayMs;
    flushTimer = setTimeout(async () => {
      flushDelayMs = -1;
      await flush();
      flushDelayMs = Number.POSITIVE_INFINITY;
      if (heldBytes > 0) flushIn(heldBytes >= tuning.flushBytes ? 0 : tuning.rootEndedMs);
    }, delayMs);
  }

  /** Every 5 s, as long as there is something: what is held goes out, and the spans that are open. */
  function watchAge(): void {
    if (isClosed) return;
    ageTimer ??= setTimeout(() => {
      ageTimer = undefined;
      recorder.watchOpen(spans, nowUs);
      encode(true);
      // Not by another timer: a page in the background may have to wait a second for each.
      if (isPending()) void recorder.flush();
      if (!spans.isEmpty || isPending()) watchAge();
    }, tuning.ageMs);
  }

  encode();
  watchAge();
  return {
    counters: recorder.counters,
    get mode() {
      return recorder.mode;
    },
    ready: () => {
      encode();
      return recorder.ready();
    },
    attachProducer: recorder.attachProducer,
    onStart: watchAge,
    onEnd(span) {
      heldBytes += span.heldBytes;
      if (heldBytes >= tuning.ringBytes) encode();
      if (heldBytes >= tuning.flushBytes) {
        flushIn(0);
        // The one before may be under way for long.
        encodeTimer ??= setTimeout(encode, 0);
      } else if (!span.parent) flushIn(tuning.rootEndedMs);
    },
    flush,
    hide(leaving) {
      encode(true);
      return recorder.flush(leaving);
    },
    async show() {
      await recorder.show();
      await flush();
    },
    close() {
      isClosed = true;
      for (const timer of [flushTimer, encodeTimer, ageTimer]) clearTimeout(timer);
      return recorder.close();
    },
  };
}
