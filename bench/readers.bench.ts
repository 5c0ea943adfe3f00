/**
 * Many readers at once while spans come in. Each asks one question after the other, of all kinds, as soon as the one before is
 * answered; then again, one question a second. Ingest is compared with what it is without readers.
 */

import { setTimeout } from 'node:timers/promises';
import type { LocalEdge } from '../scripts/local.ts';
import { seededRandom } from '../test/kit/random.ts';
import { runOpenLoop } from './load.ts';
import { edgeWith, formatOthers, metric, percentile, whole, withServer } from './measure.ts';
import { oneOf, QUESTIONS } from './questions.ts';
import { storedIn } from './stored-day.ts';
import type { WrittenTraces } from './stored-traces.ts';

const TRACES = Number(process.env.TRACES ?? 100_000);
const READERS = 100;
const SECONDS = 60;
const ALONE_SECONDS = 20;
const SPANS_PER_SECOND = 20_000;

interface Answers {
  readonly times: number[];
  readonly faults: Map<string, number>;
}

async function ask(url: string, path: string, { times, faults }: Answers): Promise<void> {
  const began = performance.now();
  try {
    const response = await fetch(url + path, { headers: { 'accept-encoding': 'identity' } });
    await response.arrayBuffer();
    if (!response.ok) count(faults, String(response.status));
  } catch (error) {
    count(faults, String(error));
  }
  times.push(performance.now() - began);
}

function count(faults: Map<string, number>, fault: string): void {
  faults.set(fault, (faults.get(fault) ?? 0) + 1);
}

/** `pauseMs`: from one question of a reader to the next, where it is not answered later. */
async function read(url: string, written: WrittenTraces, pauseMs: number): Promise<Answers> {
  const answers: Answers = { times: [], faults: new Map() };
  const endMs = performance.now() + SECONDS * 1_000;
  const reader = async (_: unknown, number: number) => {
    const random = seededRandom(number);
    await setTimeout(random() * pauseMs);
    while (performance.now() < endMs) {
      const nextMs = performance.now() + pauseMs;
      await ask(url, oneOf(QUESTIONS, random).path(random, written), answers);
      await setTimeout(Math.max(0, nextMs - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  answers.times.sort((a, b) => a - b);
  return answers;
}

let server: LocalEdge | null = null;
const start = async (stateDir: string) => {
  server = await edgeWith({ shards: 4 })(stateDir);
  return server;
};
await withServer(start, async (url) => {
  const written = await storedIn(server!, TRACES);
  const ingest = async (name: string, seconds: number) => {
    const result = await runOpenLoop(url, SPANS_PER_SECOND, seconds);
    const at = (p: number) => percentile(result.latencies, p).toFixed(0);
    const late = Math.max(0, result.seconds - seconds).toFixed(1);
    console.log(
      `  ingest ${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, done ${late} s late${formatOthers(result)}`,
    );
  };
  console.log(`${READERS} readers, ${SECONDS} s, ${whole(SPANS_PER_SECOND)} spans/s, ${whole(TRACES)} stored traces`);
  await ingest('alone', ALONE_SECONDS);
  for (const [name, pauseMs] of [
    ['a question a second each', 1_000],
    ['without a pause', 0],
  ] as const) {
    const [{ times, faults }] = await Promise.all([read(url, written, pauseMs), ingest(name, SECONDS)]);
    const at = (p: number) => percentile(times, p).toFixed(0);
    console.log(
      `  ${name}: ${whole(times.length / SECONDS)} answers/s, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, ` +
        `${[...faults].map(([fault, number]) => `${number} x ${fault}`).join(', ') || 'no errors'}`,
    );
    await setTimeout(5_000);
  }
  const lost = await metric(url, 'tailrace_spans_unstorable_total');
  console.log(`  spans that could not be stored: ${lost}`);
});
