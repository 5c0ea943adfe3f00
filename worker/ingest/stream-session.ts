/**
 * One stream as it goes on (`docs/stream-format.md`): numbers messages, answers them in order, and tells the sender how much more
 * it may send. Knows nothing of sockets.
 */

import {
  MAX_MESSAGES_BEYOND_CREDIT,
  MAX_STREAM_MESSAGE_BYTES,
  MAX_STREAM_MS,
  STREAM_IDLE_MS,
} from '../../model/limits.ts';
import type { Pressure } from './pressure.ts';

/** What became of a message: `accepted` is durable, `rejected` never will be, `retry` may be sent again. */
export type Outcome =
  | { readonly status: 'accepted'; readonly accepted: number; readonly rejected: number; readonly message?: string }
  | { readonly status: 'rejected'; readonly reason: string; readonly message: string }
  | { readonly status: 'retry'; readonly reason: string; readonly message: string; readonly retryAfterMs: number };

/** How much may be sent altogether since the stream began. Never becomes less. */
export interface Credit {
  readonly messages: number;
  readonly bytes: number;
}

export interface StreamEnds {
  /** Never rejects. */
  take(otlp: Uint8Array): Promise<Outcome>;
  send(text: string): void;
  close(code: number, reason: string): void;
  pressure(): Pressure;
}

const VERSION = 1;
const MIB = 1024 * 1024;
/** What may be on its way unanswered. Even the smallest lets the largest message through. */
const WINDOWS: Readonly<Record<Pressure, Credit>> = {
  normal: { messages: 64, bytes: 8 * MIB },
  moderate: { messages: 16, bytes: 4 * MIB },
  high: { messages: 4, bytes: 2 * MIB },
  overload: { messages: 1, bytes: MAX_STREAM_MESSAGE_BYTES },
};
/** After so long without an answer the sender is told its credit again: so both ends see that the other is there. */
const QUIET_MS = 30_000;
const BEYOND_RETRY_MS = 1_000;

/** Close codes of RFC 6455, 7.4.1. */
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
const POLICY_VIOLATION = 1008;
const TOO_BIG = 1009;
const SERVICE_RESTART = 1012;
const DONE = 'this stream has done its part: open another';

export class StreamSession {
  private readonly ends: StreamEnds;
  /** Of those sent; what was not looked at makes room for as many more. */
  private maxMessages: number;
  private seq = 0;
  private bytes = 0;
  private credit: Credit = { messages: 0, bytes: 0 };
  /** In a row. */
  private beyondCredit = 0;
  /** Settles when all that came is answered. */
  private answered: Promise<void> = Promise.resolve();
  private isEnding = false;
  private readonly openedMs: number;
  private heardMs: number;
  private saidMs: number;

  /** Ends by itself after `maxMessages` that were looked at, and after `MAX_STREAM_MS`. */
  constructor(ends: StreamEnds, maxMessages: number, nowMs: number) {
    this.ends = ends;
    this.maxMessages = maxMessages;
    this.openedMs = this.heardMs = this.saidMs = nowMs;
    this.renew(0, 0);
    this.say({ version: VERSION });
  }

  receive(data: string | ArrayBuffer, nowMs: number): void {
    if (this.isEnding) return;
    this.heardMs = this.saidMs = nowMs;
    if (typeof data === 'string') {
      if (data === 'ping') this.ends.send('pong');
      else this.end(UNSUPPORTED_DATA, 'messages are binary; the only text is ping');
      return;
    }
    if (data.byteLength > MAX_STREAM_MESSAGE_BYTES) {
      this.end(TOO_BIG, `a message may have ${MAX_STREAM_MESSAGE_BYTES} bytes`);
      return;
    }
    const seq = ++this.seq;
    this.bytes += data.byteLength;
    const { bytes } = this;
    const isBeyond = seq > this.credit.messages || bytes > this.credit.bytes;
    this.beyondCredit = isBeyond ? this.beyondCredit + 1 : 0;
    if (isBeyond) this.maxMessages++;
    const outcome = isBeyond ? beyondCredit() : this.ends.take(new Uint8Array(data));
    this.answered = this.answered.then(async () => {
      const { status, ...rest } = await outcome;
      this.renew(seq, bytes);
      this.say({ seq, status, ...rest });
    });
    if (this.beyondCredit > MAX_MESSAGES_BEYOND_CREDIT)
      this.end(POLICY_VIOLATION, 'too much was sent beyond the credit');
    else if (seq === this.maxMessages) this.end(SERVICE_RESTART, DONE);
  }

  /** To be called every few seconds. */
  tick(nowMs: number): void {
    if (this.isEnding) return;
    if (nowMs - this.heardMs >= STREAM_IDLE_MS) this.end(GOING_AWAY, 'nothing has come for long');
    else if (nowMs - this.openedMs >= MAX_STREAM_MS) this.end(SERVICE_RESTART, DONE);
    else if (nowMs - this.saidMs >= QUIET_MS) {
      this.saidMs = nowMs;
      this.say({});
    }
  }

  /** The sender may not send any longer. */
  refuse(reason: string): void {
    if (!this.isEnding) this.end(POLICY_VIOLATION, reason);
  }

  /** Everything that came before is answered first; what comes from now on is not looked at. */
  private end(code: number, reason: string): void {
    this.isEnding = true;
    void this.answered.then(() => this.ends.close(code, reason));
  }

  /** The window counts from what is answered. */
  private renew(messages: number, bytes: number): void {
    const window = WINDOWS[this.ends.pressure()];
    this.credit = {
      messages: Math.min(this.maxMessages, Math.max(this.credit.messages, messages + window.messages)),
      bytes: Math.max(this.credit.bytes, bytes + window.bytes),
    };
  }

  private say(answer: object): void {
    this.ends.send(JSON.stringify({ ...answer, credit: this.credit, pressure: this.ends.pressure() }));
  }
}

async function beyondCredit(): Promise<Outcome> {
  const message = 'it was sent beyond the credit and not looked at';
  return { status: 'retry', reason: 'beyond_credit', message, retryAfterMs: BEYOND_RETRY_MS };
}
