/** Spans for tests: only what a test says matters, the rest is sensible. */

import { AppendFrameWriter } from '../../model/append-frame.ts';
import { formatHex, parseHex } from '../../model/ids.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import type { RoutingTable } from '../../model/routing.ts';
import type { SpanData } from '../../model/span-data.ts';

export interface TestSpan {
  readonly traceId: string;
  /** 1 to 2^32 - 1; becomes the span id. */
  readonly id: number;
  readonly parent?: number;
  readonly service?: string;
  readonly name?: string;
  readonly startUs?: number;
  /** null leaves it open. */
  readonly durationUs?: number | null;
  readonly error?: boolean;
  /** OTLP SpanKind; without one a root is a server and a child internal. */
  readonly kind?: number;
}

export const TEST_START_US = 1_790_000_000_000_000;

export function spanId(id: number): string {
  return id.toString(16).padStart(16, '0');
}

/** A trace id; consistent sampling takes it at any probability above 0 when `sampled`, at none below 1 otherwise. */
export function traceId(n: number, sampled = true): string {
  return `${n.toString(16).padStart(18, '0')}${sampled ? 'ff' : '00'}${'0'.repeat(11)}1`;
}

export function randomTraceId(): string {
  return formatHex(crypto.getRandomValues(new Uint8Array(16)));
}

/** OTLP `TracesData` of spans of any traces and services. */
export function otlp(spans: readonly TestSpan[]): Uint8Array {
  const services = new Map<string, TestSpan[]>();
  for (const span of spans) {
    const service = span.service ?? 'shop';
    services.set(service, [...(services.get(service) ?? []), span]);
  }
  const parts = [...services].map(([service, members]) =>
    encodeTracesData([['service.name', service]], members.map(toSpanData)),
  );
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The table that says so of shards that tests append to themselves. */
export const TEST_TABLE: RoutingTable = { version: 1, shards: 4, former: [], highest: 4 };

/** An append frame with one slice for each trace. */
export function frame(spans: readonly TestSpan[], flags = 0): Uint8Array {
  const writer = new AppendFrameWriter();
  const table = scanTraces(otlp(spans));
  const { count, rows, starts } = groupByTrace(table);
  for (let i = 0; i < count; i++) writer.addSlice(table, rows, starts[i]!, starts[i + 1]!, flags);
  return writer.finish();
}

/** As SDKs have it. */
export function toSpanData(span: TestSpan): SpanData {
  const startUs = span.startUs ?? TEST_START_US;
  const durationUs = span.durationUs === undefined ? 1_000 : span.durationUs;
  return {
    traceId: parseHex(span.traceId)!,
    spanId: parseHex(spanId(span.id))!,
    parentSpanId: span.parent === undefined ? null : parseHex(spanId(span.parent))!,
    name: span.name ?? `operation-${span.id}`,
    kind: span.kind ?? (span.parent === undefined ? 2 : 1),
    startUs,
    endUs: durationUs === null ? null : startUs + durationUs,
    flags: 1,
    traceState: '',
    statusCode: span.error ? 2 : 0,
    statusMessage: '',
    attributes: [['test.id', span.id]],
    events: [],
    links: [],
    scope: 'test',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}
