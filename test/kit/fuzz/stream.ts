/** OTLP messages on WebSockets, one at a time on each; answers and errors come as texts. */

import { mutateBytes } from './mutate.ts';
import { protobufSamples, protobufSpans } from './otlp.ts';
import type { FuzzAnswer, FuzzEdge, FuzzProtocol } from './protocol.ts';

interface Said {
  readonly seq?: number;
  readonly status?: 'accepted' | 'rejected' | 'retry';
  readonly accepted?: number;
  readonly rejected?: number;
  readonly reason?: string;
  readonly credit: { readonly messages: number };
}

export const STREAM: FuzzProtocol = {
  name: 'stream',
  counted: 'stream',
  samples: protobufSamples,
  mutate: mutateBytes,
  spansOf: protobufSpans,
  send: async (edge, body) => {
    const free = freeOf(edge);
    const stream = free.pop() ?? (await Stream.open(edge));
    const answer = await stream.exchange(body);
    if (stream.hasCredit) free.push(stream);
    return answer;
  },
};

/** Streams that nobody waits on. */
const streams = new WeakMap<FuzzEdge, Stream[]>();
function freeOf(edge: FuzzEdge): Stream[] {
  const free = streams.get(edge) ?? [];
  streams.set(edge, free);
  return free;
}

class Stream {
  private transmit!: (message: Uint8Array) => void;
  private sent = 0;
  private credit = 0;
  private waiting = Promise.withResolvers<Said>();

  static async open(edge: FuzzEdge): Promise<Stream> {
    const stream = new Stream();
    const { promise } = stream.waiting;
    stream.transmit = await edge.connect(
      '/v1/stream',
      (text) => stream.hear(JSON.parse(text)),
      () => stream.waiting.reject(new Error(`the stream ended after ${stream.sent} messages`)),
    );
    await promise;
    return stream;
  }

  /** A stream ends after a share of messages, and says so by giving no more credit. */
  get hasCredit(): boolean {
    return this.sent < this.credit;
  }

  async exchange(message: Uint8Array): Promise<FuzzAnswer> {
    this.waiting = Promise.withResolvers();
    this.transmit(message);
    const { seq, status, accepted, rejected = 0, reason, ...rest } = await this.waiting.promise;
    if (seq !== ++this.sent) throw new Error(`message ${this.sent} has the answer of ${seq}`);
    const text = JSON.stringify({ reason, ...rest });
    if (status === 'accepted') return { status: 200, rejected, accepted: accepted!, text };
    if (status === 'rejected') return { status: reason === 'body_too_large' ? 413 : 400, rejected: 0, text };
    // What a full edge says; anything else is a fault of its own.
    return { status: reason === 'overloaded' ? 429 : 500, rejected: 0, text };
  }

  private hear(said: Said): void {
    this.credit = said.credit.messages;
    // Credit is told again in a silence.
    if (said.seq !== undefined || this.sent === 0) this.waiting.resolve(said);
  }
}
