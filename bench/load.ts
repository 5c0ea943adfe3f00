/** OTLP load: requests of 512 spans over 100 traces, every request with fresh trace ids. */

import { randomFillSync } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { formatHex } from '../model/ids.ts';
import { encodeTracesData } from '../model/otlp/encode.ts';
import { scanTraces } from '../model/otlp/scan.ts';
import type { SpanData } from '../model/span-data.ts';

export const SPANS_PER_REQUEST = 512;
export const TRACES_PER_REQUEST = 100;

/** One request's bytes, and what makes each copy of it new. */
export class RequestTemplate {
  readonly bytes: Uint8Array;
  /** For each span, where its trace id is and which trace it belongs to. */
  private readonly places: readonly (readonly [at: number, trace: number])[];
  private readonly ids = new Uint8Array(TRACES_PER_REQUEST * 16);

  /** `errors`: of the traces so many have a root that failed, the first ones. */
  constructor({ errors = 0 } = {}) {
    const startUs = Date.now() * 1000;
    const spans = Array.from({ length: SPANS_PER_REQUEST }, (_, i) => span(i, startUs, i < errors));
    this.bytes = encodeTracesData(
      [
        ['service.name', 'checkout'],
        ['service.version', '1.4.2'],
        ['host.name', 'node-17'],
      ],
      spans,
    );
    const table = scanTraces(this.bytes);
    this.places = Array.from({ length: table.count }, (_, i) => [table.traceIdAt[i]!, i % TRACES_PER_REQUEST]);
  }

  /** A copy with trace ids that were never used before. */
  next(): Uint8Array {
    randomFillSync(this.ids);
    const copy = this.bytes.slice();
    for (const [at, trace] of this.places) copy.set(this.ids.subarray(trace * 16, trace * 16 + 16), at);
    return copy;
  }

  /** Id of trace `trace` of the last copy. */
  traceId(trace: number): string {
    return formatHex(this.ids.subarray(trace * 16, trace * 16 + 16));
  }
}

/** A span of four attributes; span 0 to 99 are the roots of the request's traces. */
function span(i: number, startUs: number, isError: boolean): SpanData {
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(4, i + 1);
  const parent = new Uint8Array(8);
  new DataView(parent.buffer).setUint32(4, (i % TRACES_PER_REQUEST) + 1);
  return {
    traceId: new Uint8Array(16).fill(1),
    spanId: id,
    parentSpanId: i < TRACES_PER_REQUEST ? null : parent,
    name: `GET /api/items/${i % 7}`,
    kind: 2,
    startUs: startUs + i,
    endUs: startUs + i + 12_500,
    flags: 1,
    traceState: '',
    statusCode: isError ? 2 : 0,
    statusMessage: '',
    attributes: [
      ['http.request.method', 'GET'],
      ['http.route', '/api/items/{id}'],
      ['http.response.status_code', 200],
      ['server.address', 'checkout.internal'],
    ],
    events: [],
    links: [],
    scope: 'http',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}

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

function post(url: string, agent: Agent, body: Uint8Array): Promise<number> {
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
