import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toJaegerTrace } from '../../../model/jaeger/trace-json.ts';
import type { Span } from '../../../model/span.ts';
import { arbitraryTrace, opened, testSpan } from '../faulty-trace.ts';

const TRACE_ID = '1'.repeat(32);
const ID = (n: number) => n.toString(16).padStart(16, '0');

const checkout: Span = {
  ...testSpan(ID(1), null, { name: 'POST /checkout', kind: 'server', startUs: 1_485_467_191_639_875, durationUs: 5 }),
  status: { code: 'error', message: 'no stock' },
  traceFlags: 0x101,
  traceState: 'vendor=1',
  attributes: {
    'http.route': '/checkout',
    'http.response.status_code': 503,
    temperature: 72.5,
    retried: false,
    javascript_limit: '9223372036854775222',
    'order.id': '9223372036854775999',
    blob: { bytes: 'AAAwOQ==' },
    nothing: null,
    items: ['a', 1, { bytes: 'AAE=' }],
    user: { id: 7, tags: [true] },
  },
  events: [
    { name: 'exception', timeUs: 1_485_467_191_639_876, attributes: { 'exception.type': 'Error' } },
    { name: 'ignored', timeUs: 1_485_467_191_639_877, attributes: { event: 'own' } },
    { name: '', timeUs: 1_485_467_191_639_878, attributes: {} },
  ],
  links: [
    { traceId: 'f'.repeat(32), spanId: ID(255), attributes: {} },
    { traceId: TRACE_ID, spanId: ID(9), attributes: { 'opentracing.ref_type': 'child_of' } },
  ],
  resource: { attributes: { 'service.name': 'shop', 'service.instance.id': 'i-1', cores: 2 } },
  scope: { name: 'express', version: '4.1.0' },
};
const text = (key: string, value: string) => ({ key, type: 'string', value });

describe('toJaegerTrace', () => {
  it('gives fields, tags, logs, references and processes as Jaeger does', () => {
    const query = testSpan(ID(2), ID(1), {
      startUs: 1_485_467_191_639_877,
      name: 'query',
      kind: 'client',
      links: [{ traceId: TRACE_ID, spanId: ID(1), attributes: {} }],
      resource: { attributes: { cores: 2 } },
    });
    const { startUs, resource } = query;
    const open = opened(testSpan(ID(3), ID(7), { startUs, resource, name: 'render', kind: 'unspecified' }));
    const abandoned: Span = { ...open, spanId: ID(4), resource: { attributes: { cores: 2 } }, state: 'abandoned' };
    expect(toJaegerTrace([query, checkout, open, abandoned])).toEqual({
      traceID: TRACE_ID,
      spans: [
        {
          traceID: TRACE_ID,
          spanID: ID(1),
          flags: 1,
          operationName: 'POST /checkout',
          references: [
            { refType: 'FOLLOWS_FROM', traceID: 'f'.repeat(32), spanID: ID(255) },
            { refType: 'CHILD_OF', traceID: TRACE_ID, spanID: ID(9) },
          ],
          startTime: 1_485_467_191_639_875,
          duration: 5,
          tags: [
            text('otel.scope.name', 'express'),
            text('otel.scope.version', '4.1.0'),
            text('http.route', '/checkout'),
            { key: 'http.response.status_code', type: 'int64', value: 503 },
            { key: 'temperature', type: 'float64', value: 72.5 },
            { key: 'retried', type: 'bool', value: false },
            { key: 'javascript_limit', type: 'int64', value: '9223372036854775222' },
            text('order.id', '9223372036854775999'),
            { key: 'blob', type: 'binary', value: 'AAAwOQ==' },
            text('nothing', ''),
            text('items', '["a",1,"AAE="]'),
            text('user', '{"id":7,"tags":[true]}'),
            text('span.kind', 'server'),
            text('otel.status_code', 'ERROR'),
            { key: 'error', type: 'bool', value: true },
            text('otel.status_description', 'no stock'),
            text('w3c.tracestate', 'vendor=1'),
          ],
          logs: [
            {
              timestamp: 1_485_467_191_639_876,
              fields: [text('event', 'exception'), text('exception.type', 'Error')],
            },
            { timestamp: 1_485_467_191_639_877, fields: [text('event', 'own')] },
            { timestamp: 1_485_467_191_639_878, fields: [] },
          ],
          processID: 'p1',
          warnings: null,
        },
        {
          traceID: TRACE_ID,
          spanID: ID(2),
          operationName: 'query',
          references: [{ refType: 'FOLLOWS_FROM', traceID: TRACE_ID, spanID: ID(1) }],
          startTime: 1_485_467_191_639_877,
          duration: 10,
          tags: [text('span.kind', 'client')],
          logs: [],
          processID: 'p2',
          warnings: null,
        },
        ...(['open', 'abandoned'] as const).map((state, i) => ({
          traceID: TRACE_ID,
          spanID: ID(3 + i),
          operationName: 'render',
          references: [{ refType: 'CHILD_OF', traceID: TRACE_ID, spanID: ID(7) }],
          startTime: 1_485_467_191_639_877,
          duration: 0,
          tags: [],
          logs: [],
          processID: 'p2',
          warnings: [`the end of this span was not received: it is ${state}`],
        })),
      ],
      processes: {
        p1: {
          serviceName: 'shop',
          tags: [text('service.instance.id', 'i-1'), { key: 'cores', type: 'int64', value: 2 }],
        },
        p2: { serviceName: 'unknown_service', tags: [{ key: 'cores', type: 'int64', value: 2 }] },
      },
      warnings: null,
    });
    expect(toJaegerTrace([])).toEqual({ traceID: '', spans: [], processes: {}, warnings: null });
  });

  it('gives the server of a shared Zipkin span an id of its own, and its children that as parent', () => {
    const spans = [
      testSpan(ID(1), null, { kind: 'client', clock: 'page' }),
      testSpan(ID(1), null, { kind: 'server', clock: 'shop' }),
      testSpan(ID(2), ID(1), { clock: 'shop', startUs: 1 }),
    ];
    const byOrder = toJaegerTrace(spans).spans.map(({ spanID, references }) => [spanID, references[0]?.spanID]);
    // 2 is taken.
    expect(byOrder).toEqual([
      [ID(1), undefined],
      [ID(3), ID(1)],
      [ID(2), ID(3)],
    ]);
  });

  it('refers to no span below, whatever was lost, doubled or made a cycle', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true, cyclic: true }), ({ received }) => {
        const hex = (span: Span): Span => ({
          ...span,
          spanId: ID(Number(span.spanId)),
          ...(span.parentSpanId === undefined ? {} : { parentSpanId: ID(Number(span.parentSpanId)) }),
        });
        const { spans } = toJaegerTrace(received.map(hex));
        const seen = new Set<string>();
        const ids = new Set(spans.map(({ spanID }) => spanID));
        expect(ids.size).toBe(spans.length);
        expect(ids).toEqual(new Set(received.map(({ spanId }) => ID(Number(spanId)))));
        for (const { spanID, references, warnings } of spans) {
          const parent = references.find(({ refType }) => refType === 'CHILD_OF')?.spanID;
          if (parent !== undefined && ids.has(parent)) expect(seen).toContain(parent);
          if (parent === undefined && spanID !== ID(0)) expect(warnings?.[0]).toContain('is below it');
          seen.add(spanID);
        }
      }),
      { numRuns: 300 },
    );
  });
});
