/**
 * Tailrace beside the OpenTelemetry Collector with its tail sampler, in turn, in the same run: what each takes in, what that
 * costs, and what is left of acknowledged traces when it is killed before it has decided.
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadResult, post, runLoad } from './load.ts';
import { formatOthers, median, percentile, rateOf, whole } from './measure.ts';
import { buildCollector, collector, NUM_TRACES } from './peers/collector.ts';
import type { Peer, Server } from './peers/peer.ts';
import { cpuSeconds, peakMemory } from './peers/process.ts';
import { tailrace } from './peers/tailrace.ts';
import { RequestTemplate, SPANS_PER_REQUEST, TRACES_PER_REQUEST } from './request-template.ts';

const ROUNDS = 3;
const SECONDS = 5;
const WARM_SECONDS = 3;
const IN_FLIGHT = 32;
/** Few enough to be acknowledged before the first of them is decided. */
const KILL_REQUESTS = 10;

interface Measured {
  readonly load: LoadResult;
  /** Microseconds of all cores for each acknowledged span, until the last trace was decided and written. */
  readonly cpuUs: number;
  readonly peakMiB: number;
  /** Share of the acknowledged traces. */
  readonly kept: number;
}

async function withState<T>(work: (stateDir: string) => Promise<T>): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-peers-'));
  try {
    return await work(stateDir);
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const measure = (peer: Peer): Promise<Measured> =>
  withState(async (stateDir) => {
    const server = await peer.start(stateDir);
    try {
      const before = cpuSeconds(server.pids);
      const warm = await runLoad(server.url, IN_FLIGHT, { seconds: WARM_SECONDS });
      const load = await runLoad(server.url, IN_FLIGHT, { seconds: SECONDS });
      await server.settled();
      const requests = (warm.statuses.get(200) ?? 0) + (load.statuses.get(200) ?? 0);
      return {
        load,
        cpuUs: ((cpuSeconds(server.pids) - before) * 1e6) / (requests * SPANS_PER_REQUEST),
        peakMiB: peakMemory(server.pids),
        kept: (await server.keptTraces()) / (requests * TRACES_PER_REQUEST),
      };
    } finally {
      await server.close();
    }
  });

/** `12.3 (11.9 to 14.0)`. */
function spread(values: readonly number[], format: (value: number) => string): string {
  return `${format(median(values))} (${format(Math.min(...values))} to ${format(Math.max(...values))})`;
}

function describe(name: string, rounds: readonly Measured[]): void {
  const loads = rounds.map(({ load }) => load);
  const latency = (p: number) =>
    spread(
      loads.map(({ latencies }) => percentile(latencies, p)),
      whole,
    );
  const others = loads.map(formatOthers).join('');
  console.log(`${name}\n  ${spread(loads.map(rateOf), whole)} spans/s acknowledged${others}`);
  console.log(`  p50 ${latency(0.5)} ms, p99 ${latency(0.99)} ms`);
  const cpu = rounds.map(({ cpuUs }) => cpuUs);
  const memory = rounds.map(({ peakMiB }) => peakMiB);
  const kept = rounds.map((round) => 100 * round.kept);
  console.log(`  CPU ${spread(cpu, (us) => us.toFixed(2))} µs a span, memory at most ${spread(memory, whole)} MiB`);
  console.log(`  ${spread(kept, (percent) => percent.toFixed(1))} % of the traces kept`);
}

/** Sends traces that failed, one request after the other. @returns of each acknowledged trace how many spans it has. */
async function sendErrors(url: string): Promise<Map<string, number>> {
  const template = new RequestTemplate({ errors: TRACES_PER_REQUEST });
  const agent = new Agent({ keepAlive: true });
  const sent = new Map<string, number>();
  for (let i = 0; i < KILL_REQUESTS; i++) {
    if ((await post(`${url}/v1/traces`, agent, template.next())) !== 200) continue;
    for (let span = 0; span < SPANS_PER_REQUEST; span++) {
      const id = template.traceId(span % TRACES_PER_REQUEST);
      sent.set(id, (sent.get(id) ?? 0) + 1);
    }
  }
  agent.destroy();
  return sent;
}

/** `1,000 of 1,000`: those that are kept with all their spans. */
async function whatIsLeft(server: Server, sent: ReadonlyMap<string, number>): Promise<string> {
  const counts = await server.spanCounts([...sent.keys()]);
  const complete = [...sent.values()].filter((spans, i) => counts[i] === spans).length;
  return `${whole(complete)} of ${whole(sent.size)}`;
}

/** Kills it when it has acknowledged traces and decided none, and starts it again; what comes then shows that it works. */
const kill = (peer: Peer): Promise<void> =>
  withState(async (stateDir) => {
    const first = await peer.start(stateDir);
    const began = performance.now();
    const before = await sendErrors(first.url);
    await first.kill();
    const killedMs = performance.now() - began;
    const second = await peer.start(stateDir);
    try {
      const after = await sendErrors(second.url);
      await second.settled();
      console.log(
        `${peer.name}: ${await whatIsLeft(second, before)} acknowledged before it was killed, all within ${whole(killedMs)} ms; ` +
          `${await whatIsLeft(second, after)} acknowledged after it was started again`,
      );
    } finally {
      await second.close();
    }
  });

async function main(): Promise<void> {
  if (!existsSync('/proc/self/stat')) return console.log('skipped: what a process has used is read from Linux');
  const fault = await buildCollector();
  if (fault !== null) return console.log(`skipped: the Collector could not be built with Go:\n${fault}`);
  const peers = [
    tailrace,
    collector('Collector, all in memory', 'none'),
    collector('Collector, persistent queue after the sampler', 'after'),
    collector('Collector, persistent queue before the sampler', 'before'),
  ];
  console.log(
    `${SPANS_PER_REQUEST} spans over ${TRACES_PER_REQUEST} traces a request, ${IN_FLIGHT} in flight; ${ROUNDS} rounds of ${SECONDS} s after ${WARM_SECONDS} s, in turn: median (least to most).\n` +
      'Both keep errors, what lasts a second, and 10 % of the rest, two seconds after a trace begins (Collector) or falls quiet (Tailrace).\n' +
      `Collector 0.161: tail_sampling with num_traces ${whole(NUM_TRACES)}, batch, kept traces to a file as protobuf. Its queues are file_storage with fsync.\n` +
      'Load and server share the machine. CPU and memory are those of workerd and of the Collector.\n',
  );
  const rounds = peers.map((): Measured[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, peer] of peers.entries()) rounds[i]!.push(await measure(peer));
  }
  for (const [i, peer] of peers.entries()) describe(peer.name, rounds[i]!);
  const rate = (i: number) => median(rounds[i]!.map(({ load }) => rateOf(load)));
  const ratios = peers.slice(1).map((_, i) => (rate(0) / rate(i + 1)).toFixed(2));
  console.log(
    `Tailrace's rate: ${ratios.join(', ')} of these three\n\nKilled (SIGKILL) before the decision, error traces:`,
  );
  for (const peer of peers) await kill(peer);
}

await main();
