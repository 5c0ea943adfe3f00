/** The OpenTelemetry Collector with its tail sampler: built from collector/, configured as Tailrace is by default. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { formatHex } from '../../model/ids.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { guardChildren } from '../../scripts/guard.ts';
import { ROOT, run } from '../../scripts/run.ts';
import type { Peer, Server } from './peer.ts';

/** Also the process's name, by which it is ended with this one. */
const PROGRAM = 'otel-collector';
const BINARY = join(ROOT, 'dist', 'bench', PROGRAM);
/** More than are ever undecided here: a trace that has to give way would be lost, and cost nothing. */
export const NUM_TRACES = 1_000_000;
/** Seconds. A trace of ours must be quiet for two, too. */
const DECISION_WAIT = 2;
/** Seconds: decisions are made once a second, and the file is flushed as often. */
const SETTLED_AFTER = DECISION_WAIT + 4;

/** Where, beside the file of kept traces, the Collector's persistent queue (on disk, with fsync) is. */
export type Queue = 'none' | 'before' | 'after';

/** Builds the Collector. @returns why that was not possible, or null. */
export async function buildCollector(): Promise<string | null> {
  mkdirSync(join(ROOT, 'dist', 'bench'), { recursive: true });
  const { code, output } = await run('go', ['build', '-C', 'bench/peers/collector', '-trimpath', '-o', BINARY, '.']);
  return code === 0 ? null : output.trim().split('\n').slice(-5).join('\n');
}

export const collector = (name: string, queue: Queue): Peer => ({
  name,
  start: async (stateDir) => {
    const ports = { ingest: await freePort(), inner: await freePort() };
    const config = join(stateDir, 'config.yaml');
    const file = join(stateDir, 'kept');
    mkdirSync(join(stateDir, 'queue'), { recursive: true });
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(configuration(queue, ports, file, join(stateDir, 'queue'))));
    return startCollector(config, `http://127.0.0.1:${ports.ingest}`, file);
  },
});

function configuration(queue: Queue, ports: { ingest: number; inner: number }, file: string, directory: string) {
  const receiver = (port: number) => ({ protocols: { http: { endpoint: `127.0.0.1:${port}` } } });
  // Without batches every kept trace would be a write of its own.
  const all = { receivers: ['otlp'], processors: ['tail_sampling', 'batch'], exporters: ['file'] };
  const pipelines = {
    none: { traces: all },
    before: {
      'traces/queue': { ...all, processors: [], exporters: ['otlp_http'] },
      traces: { ...all, receivers: ['otlp/inner'] },
    },
    after: {
      traces: { ...all, exporters: ['otlp_http'] },
      'traces/queue': { ...all, receivers: ['otlp/inner'], processors: [] },
    },
  }[queue];
  const hasQueue = queue !== 'none';
  return {
    receivers: { otlp: receiver(ports.ingest), ...(hasQueue && { 'otlp/inner': receiver(ports.inner) }) },
    processors: {
      batch: {},
      tail_sampling: {
        decision_wait: `${DECISION_WAIT}s`,
        num_traces: NUM_TRACES,
        policies: [
          { name: 'error', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
          { name: 'slow', type: 'latency', latency: { threshold_ms: 1000 } },
          { name: 'probability', type: 'probabilistic', probabilistic: { sampling_percentage: 10 } },
        ],
      },
    },
    exporters: {
      file: { path: file, append: true, format: 'proto' },
      ...(hasQueue && {
        otlp_http: {
          endpoint: `http://127.0.0.1:${ports.inner}`,
          compression: 'none',
          sending_queue: { storage: 'file_storage', block_on_overflow: true },
        },
      }),
    },
    ...(hasQueue && { extensions: { file_storage: { directory, fsync: true } } }),
    service: {
      ...(hasQueue && { extensions: ['file_storage'] }),
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
      pipelines,
    },
  };
}

async function startCollector(config: string, url: string, file: string): Promise<Server> {
  const child = spawn(BINARY, ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-4_000);
  });
  const ended = once(child, 'exit');
  const fault = () => new Error(`the Collector did not start:\n${output}`);
  const release = await guardChildren(PROGRAM).catch(() => {
    throw fault();
  });
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
    release();
  };
  for (let attempt = 0; ; attempt++) {
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(`${url}/v1/traces`, { method: 'POST', headers }).catch(() => null);
    if (answer?.ok) break;
    if (child.exitCode !== null || attempt === 200) {
      await end('SIGKILL');
      throw fault();
    }
    await setTimeout(50);
  }
  return {
    url,
    pids: [child.pid!],
    settled: async () => {
      let bytes: number;
      do {
        bytes = sizeOf(file);
        await setTimeout(SETTLED_AFTER * 1000);
      } while (sizeOf(file) !== bytes);
    },
    keptTraces: async () => readKept(file).size,
    spanCounts: async (ids) => {
      const kept = readKept(file);
      return ids.map((id) => kept.get(id) ?? 0);
    },
    kill: () => end('SIGKILL'),
    close: () => end('SIGTERM'),
  };
}

const sizeOf = (file: string) => (existsSync(file) ? statSync(file).size : 0);

/** Spans of each trace in the file: OTLP messages, each behind its length. A message cut off at the end is left out. */
function readKept(file: string): Map<string, number> {
  const counts = new Map<string, number>();
  if (!existsSync(file)) return counts;
  const bytes = readFileSync(file);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    const message = bytes.subarray(at + 4, end);
    const table = scanTraces(message);
    for (let i = 0; i < table.count; i++) {
      const id = formatHex(message.subarray(table.traceIdAt[i]!, table.traceIdAt[i]! + 16));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    at = end;
  }
  return counts;
}

/** The Collector cannot be asked which port it took. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
