/** Sends valid and broken inputs of a protocol, and checks all that the edge says of them. */

import { expect } from 'vitest';
import type { Trace } from '../../../model/span.ts';
import { seededRandom } from '../random.ts';
import type { FuzzEdge, FuzzProtocol, SentSpan } from './protocol.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** Is told now and then how many inputs have been sent, and all that they had accepted read back. */
  readonly onRound?: (inputs: number) => void;
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
const ROUND = 2_500;
/** Valid bodies that a round's inputs are made from. */
const SAMPLES = 60;
const SMALL_BYTES = 4_096;
const UNUSUAL_SHARE = 0.02;
const SENDERS = 32;
/** One in so many is sent as it is. */
const VALID = 8;

const STATUSES = new Set([200, 400, 413, 415, 429, 503]);

export async function fuzz(protocol: FuzzProtocol, edge: FuzzEdge, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, inputs, onRound } = options;
  const statuses: Record<number, number> = {};
  let sent = 0;
  let rejected = 0;
  let readBack = 0;
  for (let first = 0; first < inputs; first += ROUND) {
    const random = seededRandom(seed + first);
    const choose = chooser(protocol, seed + first);
    const accepted = new Map<string, Accepted>();
    await inParallel(SENDERS, Math.min(ROUND, inputs - first), async (n) => {
      const sample = choose(random);
      const isValid = n % VALID === 0;
      const body = isValid ? sample : protocol.mutate(sample, random);
      const what = () => `seed ${seed + first}, ${protocol.name} ${Buffer.from(body).toString('base64')}`;
      const { status, text, ...taken } = await protocol.send(edge, body);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (!STATUSES.has(status)) throw new Error(`status ${status} ${text}: ${what()}`);
      if (isValid && status !== 200 && status !== 429 && status !== 503) {
        throw new Error(`a valid body is answered ${status} ${text}: ${what()}`);
      }
      if (status !== 200) return;
      const spans = protocol.spansOf(body);
      const isSum = taken.accepted === undefined || taken.accepted + taken.rejected === spans.length;
      if (taken.rejected > spans.length || !isSum) {
        throw new Error(`of ${spans.length} spans ${JSON.stringify(taken)}: ${what()}`);
      }
      sent += spans.length;
      rejected += taken.rejected;
      noteAccepted(accepted, spans, taken.rejected, what);
    });
    readBack += await readAll(edge, accepted);
    onRound?.(Math.min(first + ROUND, inputs));
  }
  return { statuses, sent, rejected, readBack };
}

/** Chooses among valid bodies: seldom one that is large, which takes as long as a hundred others, or one without a span. */
function chooser(protocol: FuzzProtocol, seed: number): (random: () => number) => Uint8Array {
  const samples = protocol.samples(seed, SAMPLES);
  const isUsual = (sample: Uint8Array) => sample.length < SMALL_BYTES && protocol.spansOf(sample).length > 0;
  const { usual = samples, others = samples } = Object.groupBy(samples, (each) => (isUsual(each) ? 'usual' : 'others'));
  return (random) => {
    const among = random() < UNUSUAL_SHARE ? others : usual;
    return among[Math.floor(random() * among.length)]!;
  };
}

/** What must be found of a request: all spans but as many as were rejected. */
interface Request {
  readonly spans: readonly SentSpan[];
  readonly rejected: number;
  readonly what: () => string;
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
  const request = { spans, rejected, what };
  for (const { traceId } of spans) {
    const requests = accepted.get(traceId);
    if (requests) requests.add(request);
    else accepted.set(traceId, new Set([request]));
  }
}

/** How many of the spans are there. Throws when fewer of a request are than were accepted. */
async function readAll(edge: FuzzEdge, accepted: ReadonlyMap<string, Accepted>): Promise<number> {
  const found = new Set<string>();
  const ids = [...accepted.keys()].filter((id) => /^(?!0{32})[0-9a-f]{32}$/.test(id));
  await inParallel(SENDERS, ids.length, async (n) => {
    const answer = await edge.call(`/api/traces/${ids[n]}`);
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
      throw new Error(`of ${spans.length} spans, ${rejected} rejected, ${there} can be read back: ${what()}`);
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
    const name = `tailrace_ingest_spans_total{protocol="${protocol.counted}",outcome="${outcome}"}`;
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
