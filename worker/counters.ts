/** What this isolate has counted, and whom it has seen. Deltas go to the Ledger, those of some seconds at once. */

import type { Env } from '../durable-objects/env.ts';
import { type CostItem, costKey } from '../model/costs.ts';
import type {
  ClientCount,
  ClientDropReason,
  RejectionReason,
  RemovalReason,
  RequestRejectionReason,
  WorkerDropReason,
} from '../model/reasons.ts';
import { flushSamples } from './ingest/quarantine.ts';
import { putBackSightings, takeSightings } from './sightings.ts';

export const PROTOCOLS = [
  'otlp_protobuf',
  'otlp_json',
  'grpc_web',
  'connect',
  'zipkin',
  'spans',
  'batch',
  'stream',
] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What became of spans that could be read: durable; wrong in themselves; in a request that was refused as a whole. */
export const OUTCOMES = ['accepted', 'rejected', 'refused'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Upper bounds of the classes that requests are counted in by how long they took; there is one more, without a bound. */
export const LATENCY_BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500] as const;

/** How long a count waits in the isolate; `waitUntil` allows 30 s. A flush costs a call and a row. */
const FLUSH_AFTER_MS = 10_000;

let deltas: Record<string, number> = {};
/** When what is counted now goes to the Ledger. */
let flushAtMs = 0;

function count(key: string, by: number): void {
  if (by > 0) deltas[key] = (deltas[key] ?? 0) + by;
}

/** Spans in a request whose structure could be read, the rejected ones included. */
export function countReceived(protocol: Protocol, spans: number): void {
  count(`tailrace_spans_received_total{protocol="${protocol}"}`, spans);
}

/** The same spans again with their bytes of OTLP, once it is clear what becomes of them. */
export function countOutcome(protocol: Protocol, outcome: Outcome, spans: number, bytes: number): void {
  const labels = `{protocol="${protocol}",outcome="${outcome}"}`;
  count(`tailrace_ingest_spans_total${labels}`, spans);
  count(`tailrace_ingest_bytes_total${labels}`, bytes);
}

/** How long a request took from when its body was there until its spans were durable or refused. */
export function countLatency(protocol: Protocol, ms: number): void {
  const bound = LATENCY_BOUNDS_MS.find((each) => ms <= each);
  count(latencyKey(protocol, bound), 1);
  count(`tailrace_ingest_milliseconds{protocol="${protocol}"}`, ms);
}

/** The Ledger's name of the requests that took no longer than `boundMs` and longer than the bound before. */
export function latencyKey(protocol: Protocol, boundMs: number | undefined): string {
  return `tailrace_ingest_latency{protocol="${protocol}",ms="${boundMs ?? 'more'}"}`;
}

export function countRejected(reason: RejectionReason, spans = 1): void {
  count(`tailrace_spans_rejected_total{reason="${reason}"}`, spans);
}

/** An attribute, event or link that was left out of what was taken in. */
export function countRemoved(reason: RemovalReason): void {
  count(`tailrace_span_parts_removed_total{reason="${reason}"}`, 1);
}

/** Spans that were read and then not committed, because a shard refused; the sender was told to try again. */
export function countRefused(spans: number): void {
  count('tailrace_spans_refused_total', spans);
}

export function countRejectedRequest(reason: RequestRejectionReason): void {
  count(`tailrace_requests_rejected_total{reason="${reason}"}`, 1);
}

/** Spans that an SDK says it lost. */
export function countDropped(reason: ClientDropReason | WorkerDropReason, spans: number): void {
  count(`tailrace_spans_dropped_total{reason="${reason}"}`, spans);
}

/** What pages say they have counted of their spans. */
export function countOfPages(what: ClientCount, spans: number): void {
  count(`tailrace_page_spans_total{count="${what}"}`, spans);
}

/** What is billed of the Worker's own work. */
export function countCost(item: CostItem, by = 1): void {
  count(costKey(item, 'worker'), by);
}

/** Sends the deltas and sightings to the Ledger. They come back when it does not take them. */
export async function flushCounters(env: Env): Promise<void> {
  const sent = deltas;
  deltas = {};
  const sightings = takeSightings();
  if (Object.keys(sent).length === 0 && sightings.length === 0) return;
  try {
    await env.LEDGER.getByName('ledger').add(sent, sightings);
  } catch {
    putBackSightings(sightings);
    for (const [key, by] of Object.entries(sent)) count(key, by);
  }
}

/** Sees to it that what was counted goes to the Ledger soon, whether or not another request comes. */
export async function flushSoon(env: Env, nowMs: number): Promise<void> {
  // The request that is to do it may have been cancelled.
  if (nowMs < flushAtMs && flushAtMs <= nowMs + FLUSH_AFTER_MS) return;
  flushAtMs = nowMs + FLUSH_AFTER_MS;
  await scheduler.wait(FLUSH_AFTER_MS);
  await Promise.all([flushCounters(env), flushSamples(env)]);
}
