/** OTLP load over HTTP: every request has trace ids that were never used before. */

import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { RequestTemplate, SPANS_PER_REQUEST } from './request-template.ts';

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers by HTTP status; 0 for a failed connection. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Milliseconds, ascending. */
  readonly latencies: readonly number[];
}

export interface LoadLimits {
  readonly seconds: number;
  /** Ends after so many requests where that is sooner. */
  readonly requests?: number;
}

/** Keeps `inFlight` requests under way until a limit is reached. */
export async function runLoad(url: string, inFlight: number, limits: LoadLimits): Promise<LoadResult> {
  const { seconds, requests = Number.POSITIVE_INFINITY } = limits;
  const sender = new Sender(url, inFlight);
  let begun = 0;
  const worker = async () => {
    while (sender.elapsedMs < seconds * 1000 && begun++ < requests) await sender.send();
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return sender.end();
}

/** Begins so many spans' requests a second, whether or not earlier ones were answered. A request's latency is that since it was due. */
export async function runOpenLoop(url: string, spansPerSecond: number, seconds: number): Promise<LoadResult> {
  const sender = new Sender(url, 256);
  const everyMs = (1000 * SPANS_PER_REQUEST) / spansPerSecond;
  const pending: Promise<void>[] = [];
  for (let i = 0; i * everyMs < seconds * 1000; i++) {
    while (sender.elapsedMs < i * everyMs) await setTimeout(1);
    pending.push(sender.send(i * everyMs));
  }
  await Promise.all(pending);
  return sender.end();
}

class Sender {
  private readonly url: string;
  private readonly agent: Agent;
  private readonly template = new RequestTemplate();
  private readonly statuses = new Map<number, number>();
  private readonly latencies: number[] = [];
  private readonly started = performance.now();

  constructor(url: string, connections: number) {
    this.url = url;
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  get elapsedMs(): number {
    return performance.now() - this.started;
  }

  async send(dueMs?: number): Promise<void> {
    const body = this.template.next();
    const fromMs = dueMs ?? this.elapsedMs;
    const status = await post(`${this.url}/v1/traces`, this.agent, body).catch(() => 0);
    this.latencies.push(this.elapsedMs - fromMs);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  end(): LoadResult {
    this.agent.destroy();
    const { statuses, latencies, elapsedMs } = this;
    latencies.sort((a, b) => a - b);
    return { requests: latencies.length, seconds: elapsedMs / 1000, statuses, latencies };
  }
}

export function post(url: string, agent: Agent, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length } },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
