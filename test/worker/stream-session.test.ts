import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  MAX_MESSAGES_BEYOND_CREDIT,
  MAX_STREAM_MESSAGE_BYTES,
  MAX_STREAM_MS,
  STREAM_IDLE_MS,
} from '../../model/limits.ts';
import { PRESSURES, type Pressure } from '../../worker/ingest/pressure.ts';
import { type Credit, type Outcome, StreamSession } from '../../worker/ingest/stream-session.ts';

interface Frame {
  readonly version?: number;
  readonly seq?: number;
  readonly status?: Outcome['status'];
  readonly reason?: string;
  readonly credit: Credit;
  readonly pressure: Pressure;
}

/** A session whose messages are answered when the test says so. */
class Bench {
  readonly said: Frame[] = [];
  readonly texts: string[] = [];
  readonly taken: { length: number; answer: (outcome: Outcome) => void }[] = [];
  readonly closed: [number, string][] = [];
  pressure: Pressure = 'normal';
  private sent = 0;
  readonly session: StreamSession;

  constructor(maxMessages = 1_000_000) {
    const ends = {
      take: ({ length }: Uint8Array) =>
        new Promise<Outcome>((answer) => {
          this.taken.push({ length, answer });
        }),
      send: (text: string) => {
        if (text.startsWith('{')) this.said.push(JSON.parse(text));
        else this.texts.push(text);
      },
      close: (code: number, reason: string) => this.closed.push([code, reason]),
      pressure: () => this.pressure,
    };
    this.session = new StreamSession(ends, maxMessages, 0);
  }

  send(count: number, bytes = 10): void {
    this.sent += count;
    for (let i = 0; i < count; i++) this.session.receive(new ArrayBuffer(bytes), 0);
  }

  get answers(): Frame[] {
    return this.said.filter(({ seq }) => seq !== undefined);
  }

  get credit(): Credit {
    return this.said.at(-1)!.credit;
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 10 + 10 * this.sent; i++) await Promise.resolve();
  }
}

const ACCEPTED: Outcome = { status: 'accepted', accepted: 1, rejected: 0 };

it('says its version and credit first', () => {
  const { said } = new Bench();
  expect(said).toEqual([{ version: 1, credit: { messages: 64, bytes: 8 * 1024 * 1024 }, pressure: 'normal' }]);
});

it('answers in the order of sending, whichever is durable first', async () => {
  const bench = new Bench();
  bench.send(5);
  for (const { answer } of bench.taken.toReversed()) {
    expect(bench.answers).toEqual([]);
    answer(ACCEPTED);
    if (answer !== bench.taken[0]!.answer) await bench.settle();
  }
  await bench.settle();
  expect(bench.answers.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  expect(bench.credit.messages).toBe(69);
});

it('does not look at what is beyond the credit, says so, and forgives it for a while', async () => {
  const bench = new Bench();
  bench.send(64 + MAX_MESSAGES_BEYOND_CREDIT);
  expect(bench.taken).toHaveLength(64);
  expect(bench.closed).toEqual([]);
  for (const { answer } of bench.taken) answer(ACCEPTED);
  await bench.settle();
  expect(bench.answers.map(({ status }) => status)).toEqual([
    ...Array(64).fill('accepted'),
    ...Array(MAX_MESSAGES_BEYOND_CREDIT).fill('retry'),
  ]);
  expect(bench.answers.at(-1)!.reason).toBe('beyond_credit');
  // What is answered is credit again.
  bench.send(1);
  expect(bench.taken).toHaveLength(65);
  bench.taken[64]!.answer(ACCEPTED);
  await bench.settle();
  bench.send(64);
  expect(bench.taken).toHaveLength(129);
});

it('ends a stream that goes on beyond its credit, once everything before is answered', async () => {
  const bench = new Bench();
  bench.send(64 + MAX_MESSAGES_BEYOND_CREDIT + 10);
  await bench.settle();
  expect(bench.closed).toEqual([]);
  for (const { answer } of bench.taken) answer(ACCEPTED);
  await bench.settle();
  expect(bench.answers).toHaveLength(64 + MAX_MESSAGES_BEYOND_CREDIT + 1);
  expect(bench.closed).toEqual([[1008, expect.stringContaining('credit')]]);
});

it('gives less credit under pressure, and always enough for one message', async () => {
  for (const [pressure, messages] of [
    ['moderate', 16],
    ['high', 4],
    ['overload', 1],
  ] as const) {
    const bench = new Bench();
    bench.send(64);
    bench.pressure = pressure;
    for (const { answer } of bench.taken) answer(ACCEPTED);
    await bench.settle();
    expect(bench.credit.messages).toBe(64 + messages);
    expect(bench.credit.bytes).toBeGreaterThanOrEqual(640 + MAX_STREAM_MESSAGE_BYTES);
    bench.send(1, MAX_STREAM_MESSAGE_BYTES);
    expect(bench.taken).toHaveLength(65);
  }
});

it('never takes credit back, and never lets more in than it has given', async () => {
  const step = fc.record({
    pressure: fc.constantFrom(...PRESSURES),
    messages: fc.nat(20),
    bytes: fc.nat(MAX_STREAM_MESSAGE_BYTES),
    answers: fc.nat(20),
    outcome: fc.constantFrom<Outcome>(
      ACCEPTED,
      { status: 'rejected', reason: 'malformed_body', message: '' },
      { status: 'retry', reason: 'overloaded', message: '', retryAfterMs: 1000 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const bench = new Bench();
      let sent = 0;
      let answered = 0;
      let last = bench.credit;
      for (const { pressure, messages, bytes, answers, outcome } of steps) {
        bench.pressure = pressure;
        bench.send(messages, bytes);
        sent += messages;
        for (let i = 0; i < answers && answered < bench.taken.length; i++) bench.taken[answered++]!.answer(outcome);
        await bench.settle();
        expect(bench.credit.messages).toBeGreaterThanOrEqual(last.messages);
        expect(bench.credit.bytes).toBeGreaterThanOrEqual(last.bytes);
        last = bench.credit;
        const unanswered = bench.taken.slice(answered);
        expect(unanswered.length).toBeLessThanOrEqual(64);
        expect(unanswered.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(8 * 1024 * 1024);
        if (bench.closed.length > 0) return;
      }
      for (const { answer } of bench.taken) answer(ACCEPTED);
      await bench.settle();
      const isEnded = bench.closed.length > 0;
      // accepted + rejected + retry = sent, each once and in order.
      expect(bench.answers.map(({ seq }) => seq)).toEqual(bench.answers.map((_, i) => i + 1));
      if (!isEnded) expect(bench.answers).toHaveLength(sent);
    }),
    { numRuns: 200 },
  );
});

it('ends by itself after its share of calls, gives no credit beyond, and answers all before', async () => {
  const bench = new Bench(3);
  expect(bench.credit.messages).toBe(3);
  bench.send(4);
  expect(bench.taken).toHaveLength(3);
  for (const { answer } of bench.taken) answer(ACCEPTED);
  await bench.settle();
  expect(bench.answers.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(bench.closed).toEqual([[1012, expect.any(String)]]);
});

it('ends by itself after its time, however much comes', async () => {
  const bench = new Bench();
  for (let nowMs = 0; nowMs < MAX_STREAM_MS; nowMs += 5_000) {
    bench.session.receive('ping', nowMs);
    bench.session.tick(nowMs);
  }
  expect(bench.closed).toEqual([]);
  bench.session.tick(MAX_STREAM_MS);
  await bench.settle();
  expect(bench.closed).toEqual([[1012, expect.stringContaining('open another')]]);
});

it('answers ping, repeats the credit when nothing was said for long, and ends when nothing comes', async () => {
  const bench = new Bench();
  bench.session.receive('ping', 1_000);
  expect(bench.texts).toEqual(['pong']);
  bench.pressure = 'high';
  bench.session.tick(30_999);
  expect(bench.said).toHaveLength(1);
  bench.session.tick(31_000);
  expect(bench.said).toHaveLength(2);
  expect(bench.said[1]).toMatchObject({ pressure: 'high', credit: { messages: 64 } });
  bench.session.tick(1_000 + STREAM_IDLE_MS);
  await bench.settle();
  expect(bench.closed).toEqual([[1001, expect.any(String)]]);
});

it('answers what came before its sender may not send any longer, and looks at nothing after', async () => {
  const bench = new Bench();
  bench.send(2);
  bench.session.refuse('the key was revoked');
  bench.session.refuse('the key was revoked');
  bench.send(1);
  expect([bench.taken.length, bench.closed]).toEqual([2, []]);
  for (const { answer } of bench.taken) answer(ACCEPTED);
  await bench.settle();
  expect(bench.answers.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(bench.closed).toEqual([[1008, 'the key was revoked']]);
});

it('refuses other text with 1003 and what is too large with 1009', async () => {
  const texts = new Bench();
  texts.session.receive('{}', 0);
  await texts.settle();
  expect(texts.closed).toEqual([[1003, expect.any(String)]]);
  const large = new Bench();
  large.send(1, MAX_STREAM_MESSAGE_BYTES + 1);
  await large.settle();
  expect(large.closed).toEqual([[1009, expect.stringContaining(`${MAX_STREAM_MESSAGE_BYTES}`)]]);
});
