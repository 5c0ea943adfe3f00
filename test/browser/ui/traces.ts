/** Traces for the page's tests, sent as any OpenTelemetry SDK would send them: OTLP/JSON. */

import { randomTraceId, spanId } from '../../kit/spans.ts';

type Value = string | number | boolean;
type Attributes = Readonly<Record<string, Value>>;

export interface SentSpan {
  /** 1 to 2^32 - 1. */
  readonly id: number;
  readonly parent?: number;
  readonly service: string;
  readonly name: string;
  /** OTLP's SpanKind; internal where absent. */
  readonly kind?: number;
  /** Milliseconds since the trace's start. */
  readonly startMs: number;
  /** Absent: the span has not ended. */
  readonly durationMs?: number;
  readonly error?: string;
  readonly attributes?: Attributes;
  readonly events?: readonly { readonly name: string; readonly atMs: number; readonly attributes?: Attributes }[];
  readonly linkTo?: string;
}

export interface SendOptions {
  readonly traceId?: string;
  /** Milliseconds since the epoch; now where absent. */
  readonly startMs?: number;
}

/** Sends a trace and answers its id when the edge has acknowledged every span. */
export async function sendTrace(url: string, spans: readonly SentSpan[], options: SendOptions = {}): Promise<string> {
  const { traceId = randomTraceId(), startMs = Date.now() } = options;
  const nanos = (ms: number) => `${BigInt(Math.round((startMs + ms) * 1000)) * 1000n}`;
  const services = [...new Set(spans.map((span) => span.service))];
  const response = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      resourceSpans: services.map((service) => ({
        resource: { attributes: keyValues({ 'service.name': service, 'service.version': '1.2.3' }) },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: spans
              .filter((span) => span.service === service)
              .map((span) => ({
                traceId,
                spanId: spanId(span.id),
                parentSpanId: span.parent === undefined ? '' : spanId(span.parent),
                name: span.name,
                kind: span.kind ?? 1,
                startTimeUnixNano: nanos(span.startMs),
                endTimeUnixNano: span.durationMs === undefined ? '0' : nanos(span.startMs + span.durationMs),
                status: span.error === undefined ? {} : { code: 2, message: span.error },
                attributes: keyValues(span.attributes ?? {}),
                events: (span.events ?? []).map((event) => ({
                  name: event.name,
                  timeUnixNano: nanos(event.atMs),
                  attributes: keyValues(event.attributes ?? {}),
                })),
                links: span.linkTo === undefined ? [] : [{ traceId: span.linkTo, spanId: spanId(1) }],
              })),
          },
        ],
      })),
    }),
  });
  const answer = await response.text();
  if (response.status !== 200 || answer.includes('rejectedSpans')) throw new Error(`${response.status} ${answer}`);
  return traceId;
}

/** A page's click through two Workers; the second fails. Names and values hold markup, which must stay text. */
export const CHECKOUT: readonly SentSpan[] = [
  { id: 1, service: 'shop-page', name: 'click Place order', startMs: 0, durationMs: 400 },
  { id: 2, parent: 1, service: 'shop-page', name: 'fetch POST /checkout', kind: 3, startMs: 10, durationMs: 380 },
  {
    id: 3,
    parent: 2,
    service: 'gateway',
    name: 'POST /checkout',
    kind: 2,
    startMs: 30,
    durationMs: 340,
    attributes: { 'http.request.method': 'POST', 'http.response.status_code': 502 },
  },
  {
    id: 4,
    parent: 3,
    service: 'orders',
    name: 'reserve <img src=x onerror=alert(1)>',
    kind: 2,
    startMs: 60,
    durationMs: 120,
    error: 'out of stock: <b>teapot</b>',
    events: [{ name: 'exception', atMs: 150, attributes: { 'exception.type': 'StockError' } }],
  },
  {
    id: 5,
    parent: 3,
    service: 'orders',
    name: 'cache lookup',
    startMs: 200,
    durationMs: 20,
    linkTo: 'a'.repeat(32),
  },
];

function keyValues(attributes: Attributes): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { intValue: String(value) },
  }));
}
