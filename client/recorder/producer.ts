/** The page's end of the ring: pushes a record for each span, and decides when what was pushed has to be sent. */

import type { Recorder, RecorderHost } from './attach.ts';
import { Counters } from './counters.ts';
import { Exit } from './exit.ts';
import { RecordWriter } from './record.ts';
import type { OpenRecordable } from './recordable.ts';
import { Ring } from './ring.ts';
import { StringTable } from './strings.ts';

const ROOT_ENDED_FLUSH_MS = 500;
const AGE_FLUSH_MS = 5_000;
/** This much in the ring is sent without waiting. */
const FLUSH_RING_BYTES = 256 * 1024;

export interface ProducerOptions extends RecorderHost {
  /** The page's clock. */
  readonly nowUs: () => number;
  /** Loads `recorder.js`. */
  readonly loadRecorder: () => Promise<typeof import('./entry.ts')>;
}

export class Producer {
  readonly counters: Counters;
  readonly nowUs: () => number;
  recorder: Recorder | null = null;
  readonly #options: ProducerOptions;
  readonly #ring: Ring;
  readonly #writer: RecordWriter;
  readonly #exit: Exit;
  readonly #open = new Set<OpenRecordable>();
  #attaching: Promise<Recorder | null> | null = null;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #flushDelayMs = Number.POSITIVE_INFINITY;
  #isFlushing = false;
  #ageTimer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(options: ProducerOptions) {
    const { buffer, config } = options;
    this.#options = options;
    this.nowUs = options.nowUs;
    this.counters = new Counters(buffer);
    this.#ring = new Ring(buffer);
    this.#writer = new RecordWriter(this.#ring, new StringTable(buffer));
    this.#exit = new Exit({ buffer, config, recorder: () => this.recorder });
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  onStart(span: OpenRecordable): void {
    if (this.#isStopped) return;
    this.#open.add(span);
    this.#watchAge();
  }

  onEnd(span: OpenRecordable): void {
    if (!this.#open.delete(span)) return;
    this.counters.add('recorded');
    this.#push(span);
    if (this.#ring.usedBytes >= FLUSH_RING_BYTES) this.#scheduleFlush(0);
    else if (!span.place.parent) this.#scheduleFlush(ROOT_ENDED_FLUSH_MS);
  }

  onIgnored(): void {
    this.counters.add('ignored');
  }

  /** Sends everything recorded until now; resolves when it is accepted or cannot be sent for the moment. */
  async flush(): Promise<void> {
    try {
      if (this.#ring.usedBytes === 0) return;
      if (this.#exit.isActive) await this.#exit.send(false);
      else await (await this.#attach())?.flush();
    } catch {
      this.counters.add('encode_failed');
    }
  }

  /** The page is hidden, or `leaving`: everything goes out at once, the open spans as they are. */
  hide(leaving: boolean): void {
    try {
      this.#recordOpen();
      void this.#exit.send(leaving);
    } catch {
      this.counters.add('encode_failed');
    }
  }

  /** The page is visible again. */
  show(): void {
    void this.#exit.giveBack().then(() => this.#scheduleFlush(0));
  }

  /** Sends what there is and lets go of everything. Spans that end after this are not recorded. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#recordOpen();
    this.discard();
    await this.flush();
    this.recorder?.close();
  }

  /** Records nothing from now on. */
  discard(): void {
    this.#isStopped = true;
    this.#open.clear();
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#ageTimer);
  }

  #push(span: OpenRecordable): void {
    span.changed = false;
    try {
      if (!this.#writer.push(span)) this.counters.add('ring_full');
    } catch (error) {
      // Otherwise user code gave something that no type allows.
      this.counters.add(error instanceof RangeError ? 'span_too_large' : 'encode_failed');
    }
  }

  #recordOpen(): void {
    for (const span of this.#open) if (span.changed) this.#push(span);
  }

  /** One timer, at the earliest of what was asked for; while a flush is under way it will see to the rest. */
  #scheduleFlush(delayMs: number): void {
    if (this.#isStopped || this.#isFlushing || delayMs >= this.#flushDelayMs) return;
    clearTimeout(this.#flushTimer);
    this.#flushDelayMs = delayMs;
    this.#flushTimer = setTimeout(() => void this.#flushNow(), delayMs);
  }

  async #flushNow(): Promise<void> {
    this.#flushDelayMs = Number.POSITIVE_INFINITY;
    this.#isFlushing = true;
    await this.flush();
    this.#isFlushing = false;
  }

  /** Every 5 s, as long as there is something: what is in the ring goes out, and the spans that are open. */
  #watchAge(): void {
    this.#ageTimer ??= setTimeout(() => {
      this.#ageTimer = undefined;
      this.#recordOpen();
      if (this.#ring.usedBytes > 0) this.#scheduleFlush(0);
      if (this.#open.size > 0 || this.#ring.usedBytes > 0) this.#watchAge();
    }, AGE_FLUSH_MS);
  }

  /** Loads the recorder's file; null when that is not possible now. */
  load(): Promise<typeof import('./entry.ts') | null> {
    return this.#options.loadRecorder().catch(() => null);
  }

  /** Starts the recorder; null when its file cannot be loaded now. */
  async #attach(): Promise<Recorder | null> {
    this.#attaching ??= this.load().then(async (file) => {
      this.recorder = file && (await file.attachRecorder(this.#options));
      if (!file) this.#attaching = null;
      return this.recorder;
    });
    return this.#attaching;
  }
}
