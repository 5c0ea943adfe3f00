import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { type Attributes, context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatHex } from '../../model/ids.ts';
import { type AnyValue, type KeyValue, TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import type { TraceList } from '../../model/span.ts';
import { type LocalEdge, startLocal } from '../../scripts/local.ts';
import { inParallel } from './fixtures/edge-answers.ts';

const KEYS = { TAILRACE_INGEST_KEY: 'otel-ingest', TAILRACE_READ_KEY: 'otel-read' };
const READ = { authorization: `Bearer ${KEYS.TAILRACE_READ_KEY}` };
const TRACES = 500;
const SPANS_PER_TRACE = 20;

let edge: LocalEdge;
const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-otel-'));
beforeAll(async () => {
  edge = await startLocal({ stateDir, vars: KEYS });
});
afterAll(async () => {
  await edge.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const headers = { authorization: `Bearer ${KEYS.TAILRACE_INGEST_KEY}` };
it.each([
  ['protobuf', () => new ProtobufExporter({ url: `${edge.url}/v1/traces`, headers })],
  ['JSON', () => new JsonExporter({ url: `${edge.url}/v1/traces`, headers })],
  [
    'protobuf with gzip',
    () => new ProtobufExporter({ url: `${edge.url}/v1/traces`, headers, compression: 'gzip' as never }),
  ],
  ['JSON with gzip', () => new JsonExporter({ url: `${edge.url}/v1/traces`, headers, compression: 'gzip' as never })],
])('finds every span that the OpenTelemetry SDK sent as %s, to the nanosecond', async (protocol, exporter) => {
  const service = `otel-${protocol}`;
  const sent: ReadableSpan[] = [];
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': '1.2.3' }),
    spanProcessors: [
      {
        onStart() {},
        onEnd: (span: ReadableSpan) => void sent.push(span),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
      new BatchSpanProcessor(exporter(), { maxQueueSize: TRACES * SPANS_PER_TRACE, maxExportBatchSize: 512 }),
    ],
  });
  record(provider);
  await provider.shutdown();
  expect(sent).toHaveLength(TRACES * SPANS_PER_TRACE);

  const byTrace = Map.groupBy(sent, (span) => span.spanContext().traceId);
  expect(byTrace.size).toBe(TRACES);
  let found = 0;
  await inParallel(byTrace, async ([traceId, members]) => {
    const response = await fetch(`${edge.url}/api/traces/${traceId}`, {
      headers: { ...READ, accept: 'application/x-protobuf' },
    });
    expect(response.status).toBe(200);
    const answer = received(new Uint8Array(await response.arrayBuffer()));
    for (const span of members) {
      expect(answer.get(span.spanContext().spanId)).toEqual(expected(span));
      found++;
    }
    expect(answer.size).toBe(members.length);
  });
  expect(found).toBe(TRACES * SPANS_PER_TRACE);

  const listed = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: TraceList = await (
      await fetch(
        `${edge.url}/api/traces?service=${encodeURIComponent(service)}&limit=200${cursor ? `&cursor=${cursor}` : ''}`,
        {
          headers: READ,
        },
      )
    ).json();
    for (const { traceId } of page.traces) listed.add(traceId);
    cursor = page.cursor;
  } while (cursor);
  expect(listed).toEqual(new Set(byTrace.keys()));
});

/** `TRACES` traces of `SPANS_PER_TRACE` spans, with every kind of attribute, events, links and statuses. */
function record(provider: NodeTracerProvider): void {
  const tracer = provider.getTracer('test-tracer', '0.0.7');
  for (let t = 0; t < TRACES; t++) {
    const root = tracer.startSpan(`root ${t}`, { kind: SpanKind.SERVER, attributes: { 'http.request.method': 'GET' } });
    const inRoot = trace.setSpan(context.active(), root);
    for (let s = 1; s < SPANS_PER_TRACE; s++) {
      const span = tracer.startSpan(
        `child ${s} of ${t} – naïve ☃`,
        {
          kind: SpanKind.CLIENT,
          links: [{ context: root.spanContext(), attributes: { why: 'because' } }],
          attributes: {
            string: `value ${s}`,
            empty: '',
            integer: s,
            negative: -s,
            large: Number.MAX_SAFE_INTEGER,
            double: s + 0.25,
            yes: true,
            no: false,
            strings: ['a', 'b'],
            numbers: [1, 2.5],
          },
        },
        inRoot,
      );
      span.addEvent('tick', { n: s });
      if (s % 10 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: 'broke' });
      span.end();
    }
    root.end();
  }
}

function expected(span: ReadableSpan) {
  const nanos = ([seconds, rest]: readonly [number, number]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);
  return {
    name: span.name,
    kind: span.kind + 1,
    parent: span.parentSpanContext?.spanId ?? '',
    start: nanos(span.startTime),
    end: nanos(span.endTime),
    attributes: span.attributes,
    events: span.events.map((event) => ({ name: event.name, time: nanos(event.time), attributes: event.attributes })),
    links: span.links.map((link) => ({ spanId: link.context.spanId, attributes: link.attributes })),
    status: { code: span.status.code, message: span.status.message ?? '' },
    scope: span.instrumentationScope.name,
    service: span.resource.attributes['service.name'],
  };
}

function received(otlp: Uint8Array): Map<string, ReturnType<typeof expected>> {
  return new Map(
    fromBinary(TracesDataSchema, otlp).resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => [
          formatHex(span.spanId),
          {
            name: span.name,
            kind: span.kind as number,
            parent: formatHex(span.parentSpanId),
            start: span.startTimeUnixNano,
            end: span.endTimeUnixNano,
            attributes: plain(span.attributes),
            events: span.events.map((event) => ({
              name: event.name,
              time: event.timeUnixNano,
              attributes: plain(event.attributes),
            })),
            links: span.links.map((link) => ({ spanId: formatHex(link.spanId), attributes: plain(link.attributes) })),
            status: { code: (span.status?.code ?? 0) as number, message: span.status?.message ?? '' },
            scope: scope!.name,
            service: plain(resource!.attributes)['service.name'],
          },
        ]),
      ),
    ),
  );
}

function plain(attributes: readonly KeyValue[]): Attributes {
  const value = (any: AnyValue | undefined): unknown => {
    const { case: kind, value: content } = any!.value;
    if (kind === 'intValue') return Number(content);
    return kind === 'arrayValue' ? content.values.map(value) : content;
  };
  return Object.fromEntries(attributes.map((pair) => [pair.key, value(pair.value)])) as Attributes;
}
