/** Sends valid and broken inputs of a protocol, and checks all that the edge says of them. */

import { expect } from 'vitest';
import type { Trace } from '../../../model/span.ts';
import { seededRandom } from '../random.ts';
import type { FuzzProtocol, SentSpan } from './protocols.ts';

/** An edge, with the keys that each path needs. */
export type Call = (path: string, init?: RequestInit) => Promise<Response>;

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
}

export interface FuzzReport {
  /** Requests by status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly sent: number;
  readonly rejected: number;
  /** Accepted spans that were looked for, and found. */
  readonly readBack: number;
}

/** Inputs after which everything they had accepted is read back. */
const ROUND = 1_000;
/** Valid bodies that a round's inputs are made from. */
const SAMPLES = 80;
const SMALL_BYTES = 4_096;
const SENDERS = 16;
/** One in so many is sent as it is. */
const VALID = 8;

const STATUSES = new Set([200, 400, 413, 415, 429, 503]);

export async function fuzz(protocol: FuzzProtocol, call: Call, { seed, inputs }: FuzzOptions): Promise<FuzzReport> {
  const statuses: Record<number, number> = {};
  let sent = 0;
  let rejected = 0;
  let readBack = 0;
  for (let first = 0; first < inputs; first += ROUND) {
    const random = seededRandom(seed + first);
    // Few of the large ones, which take as long as a hundred others.
    const samples = protocol
      .samples(seed + first, SAMPLES)
      .filter(({ length }, i) => length < SMALL_BYTES || i % 16 === 0);
    const accepted = new Map<string, Accepted>();
    await inParallel(SENDERS, Math.min(ROUND, inputs - first), async (n) => {
      const sample = samples[Math.floor(random() * samples.length)]!;
      const isValid = n % VALID === 0;
      const body = isValid ? sample : protocol.mutate(sample, random);
      const answer = await call(protocol.path, {
        method: 'POST',
        headers: { 'content-type': protocol.type },
        body: body.slice(),
      });
      const answered = new Uint8Array(await answer.arrayBuffer());
      const { status } = answer;
      statuses[status] = (statuses[status] ?? 0) + 1;
      const what = () => `seed ${seed + first}, ${protocol.name} ${Buffer.from(body).toString('base64')}`;
      if (!STATUSES.has(status)) throw new Error(`status ${status}: ${what()}`);
      if (isValid && status !== 200 && status !== 429 && status !== 503) {
        throw new Error(`a valid body is answered ${status} ${new TextDecoder().decode(answered)}: ${what()}`);
      }
      if (status !== 200) return;
      const spans = protocol.spansOf(body);
      const notTaken = protocol.rejectedOf(answered);
      if (notTaken > spans.length) throw new Error(`${notTaken} of ${spans.length} spans rejected: ${what()}`);
      sent += spans.length;
      rejected += notTaken;
      noteAccepted(accepted, spans, notTaken, what);
    });
    readBack += await readAll(call, accepted);
  }
  return { statuses, sent, rejected, readBack };
}

/** What must be found of a request: all spans but as many as were rejected. */
interface Request {
  readonly spans: readonly SentSpan[];
  readonly rejected: number;
  readonly what: string;
}
/** A trace's requests. */
type Accepted = Set<Request>;

function noteAccepted(
  accepted: Map<string, Accepted>,
  spans: readonly SentSpan[],
  rejected: number,
  what: () => string,
) {
  if (spans.length === rejected) return;
  const request = { spans, rejected, what: what() };
  for (const { traceId } of spans) {
    const requests = accepted.get(traceId);
    if (requests) requests.add(request);
    else accepted.set(traceId, new Set([request]));
  }
}

/** How many of the spans are there. Throws when fewer of a request are than were accepted. */
async function readAll(call: Call, accepted: ReadonlyMap<string, Accepted>): Promise<number> {
  const found = new Set<string>();
  const ids = [...accepted.keys()].filter((id) => /^(?!0{32})[0-9a-f]{32}$/.test(id));
  await inParallel(SENDERS, ids.length, async (n) => {
    const answer = await call(`/api/traces/${ids[n]}`);
    const body = await answer.text();
    // An id of a rejected span alone is not known.
    if (answer.status === 404) return;
    if (answer.status !== 200) throw new Error(`trace ${ids[n]} is answered ${answer.status} ${body}`);
    for (const { spanId } of (JSON.parse(body) as Trace).spans) found.add(`${ids[n]} ${spanId}`);
  });
  let readBack = 0;
  for (const { spans, rejected, what } of new Set([...accepted.values()].flatMap((requests) => [...requests]))) {
    const there = spans.filter(({ traceId, spanId }) => found.has(`${traceId} ${spanId}`)).length;
    if (there < spans.length - rejected) {
      throw new Error(`of ${spans.length} spans, ${rejected} rejected, ${there} can be read back: ${what}`);
    }
    readBack += spans.length - rejected;
  }
  return readBack;
}

/** `/metrics` must have counted what was sent since `before`, by protocol and outcome. */
export function expectCounted(
  protocol: FuzzProtocol,
  { sent, rejected, statuses }: FuzzReport,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): void {
  const counted = (outcome: string) => {
    const name = `tailrace_ingest_spans_total{protocol="${protocol.name}",outcome="${outcome}"}`;
    return after.get(name)! - before.get(name)!;
  };
  expect(counted('accepted')).toBe(sent - rejected);
  // Those of requests that were refused are among these too.
  if (Object.keys(statuses).every((status) => status === '200' || status === '400')) {
    expect(counted('rejected')).toBe(rejected);
  }
}

async function inParallel(workers: number, count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (next < count) await work(next++);
    }),
  );
}
