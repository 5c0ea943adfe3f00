import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSpans } from '../../model/otlp/decode.ts';
import type { Span } from '../../model/span.ts';
import { encodeZipkinJson } from '../../model/zipkin/json.ts';
import { toZipkinSpan } from '../../model/zipkin/trace-json.ts';

const SPAN: Span = {
  traceId: '5af7183fb1d4cf5f0000000000000001',
  spanId: '6b221d5bc9e6496c',
  name: 'GET /cart',
  kind: 'internal',
  startUs: 1_790_000_000_000_000,
  durationUs: 250,
  state: 'ended',
  status: { code: 'unset' },
  attributes: {},
  events: [],
  links: [],
  resource: { attributes: { 'service.name': 'web' } },
  scope: { name: '' },
};
const PLAIN = {
  traceId: SPAN.traceId,
  id: SPAN.spanId,
  name: 'GET /cart',
  timestamp: SPAN.startUs,
  duration: 250,
  localEndpoint: { serviceName: 'web' },
};

describe('toZipkinSpan', () => {
  it.each<[string, Partial<Span>, object]>([
    ['a span that is no call', {}, {}],
    ['a call', { kind: 'producer', parentSpanId: '1'.repeat(16) }, { kind: 'PRODUCER', parentId: '1'.repeat(16) }],
    ['a 64-bit trace id', { traceId: `${'0'.repeat(16)}5af7183fb1d4cf5f` }, { traceId: '5af7183fb1d4cf5f' }],
    ['no name', { name: '' }, { name: undefined }],
    ['no end', { durationUs: undefined as never, state: 'open' }, { duration: undefined }],
    ['no time at all', { durationUs: 0 }, { duration: 1 }],
    ['no service', { resource: { attributes: {} } }, { localEndpoint: { serviceName: 'unknown_service' } }],
    [
      'values of every type',
      {
        attributes: { a: 'é', b: 1.5, c: true, d: null, e: ['x', 1], f: { bytes: 'AA==' }, g: '9007199254740993' },
        resource: { attributes: { 'service.name': 'web', a: 'of the resource', 'host.name': 'h' } },
        scope: { name: 'lib', version: '1.2' },
      },
      {
        tags: {
          a: 'é',
          'host.name': 'h',
          b: '1.5',
          c: 'true',
          d: '',
          e: '["x",1]',
          f: '{"bytes":"AA=="}',
          g: '9007199254740993',
          'otel.scope.name': 'lib',
          'otel.scope.version': '1.2',
        },
      },
    ],
    [
      'events',
      {
        events: [
          { name: 'cache.miss', timeUs: 5, attributes: {} },
          { name: 'exception', timeUs: 6, attributes: { 'exception.type': 'E' } },
        ],
      },
      {
        annotations: [
          { timestamp: 5, value: 'cache.miss' },
          { timestamp: 6, value: '"exception":{"exception.type":"E"}' },
        ],
      },
    ],
    [
      'where it ran and whom it called',
      {
        kind: 'client',
        attributes: {
          'network.local.address': '10.0.0.1',
          'network.local.port': 80,
          'network.peer.address': '2001:db8::c001',
          'network.peer.port': 443,
          'peer.service': 'stock',
          'server.address': 'stock.internal',
        },
      },
      {
        kind: 'CLIENT',
        localEndpoint: { serviceName: 'web', ipv4: '10.0.0.1', port: 80 },
        remoteEndpoint: { serviceName: 'stock', ipv6: '2001:db8::c001', port: 443 },
        tags: { 'server.address': 'stock.internal' },
      },
    ],
    [
      'the address of a server that a client names',
      { kind: 'client', attributes: { 'server.address': 'db.internal' } },
      { kind: 'CLIENT', remoteEndpoint: { serviceName: 'db.internal' }, tags: { 'server.address': 'db.internal' } },
    ],
    [
      "a server's own address, and one that is none",
      { kind: 'server', attributes: { 'server.address': 'web.internal', 'network.peer.address': '/run/socket' } },
      { kind: 'SERVER', tags: { 'server.address': 'web.internal', 'network.peer.address': '/run/socket' } },
    ],
    [
      'a failure',
      { status: { code: 'error', message: 'boom' } },
      { tags: { 'otel.status_code': 'ERROR', error: 'boom' } },
    ],
    ['a failure of no message', { status: { code: 'error' } }, { tags: { 'otel.status_code': 'ERROR', error: '' } }],
    [
      'an attribute error of what did not fail',
      { status: { code: 'ok' }, attributes: { error: false } },
      { tags: { 'otel.status_code': 'OK' } },
    ],
    [
      'what only Zipkin has',
      { attributes: { 'zipkin.debug': true, 'zipkin.shared': true } },
      { debug: true, shared: true },
    ],
  ])('%s', (_, part, expected) => {
    expect(JSON.parse(JSON.stringify(toZipkinSpan({ ...SPAN, ...part })))).toEqual(
      JSON.parse(JSON.stringify({ ...PLAIN, ...expected })),
    );
  });

  it('gives back what Zipkin sent', () => {
    const id = fc.bigInt(1n, 2n ** 64n - 1n).map((value) => value.toString(16).padStart(16, '0'));
    const word = fc.stringMatching(/^[a-z][a-z.]{0,9}$/);
    const endpoint = fc.record(
      { serviceName: word, ipv4: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }) },
      { requiredKeys: [] },
    );
    const span = fc.record(
      {
        traceId: id,
        parentId: id,
        id,
        kind: fc.constantFrom('CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'),
        name: word,
        timestamp: fc.integer({ min: 1, max: 2 ** 51 }),
        duration: fc.integer({ min: 1, max: 2 ** 40 }),
        localEndpoint: endpoint.map((value) => ({ serviceName: 'web', ...value })),
        remoteEndpoint: endpoint,
        annotations: fc.array(fc.record({ timestamp: fc.integer({ min: 1, max: 2 ** 51 }), value: word }), {
          minLength: 1,
        }),
        tags: fc.dictionary(fc.oneof(word, fc.constant('error')), fc.string(), { minKeys: 1, noNullPrototype: true }),
        debug: fc.constant(true),
        shared: fc.constant(true),
      },
      { requiredKeys: ['traceId', 'id', 'timestamp', 'localEndpoint'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(span, (sent) => {
        const { otlp, rejections } = encodeZipkinJson([sent]);
        expect(rejections).toEqual([]);
        const [got] = decodeSpans(otlp, 'kept').map(toZipkinSpan);
        const { 'otel.status_code': _, ...tags } = got!.tags ?? {};
        const isFailure = sent.tags?.error !== undefined && sent.tags.error !== 'false';
        const { error: __, ...others } = sent.tags ?? {};
        const { tags: ___, remoteEndpoint, ...rest } = sent;
        expect({ ...got, tags }).toEqual({
          ...rest,
          ...(remoteEndpoint && Object.keys(remoteEndpoint).length > 0 ? { remoteEndpoint } : {}),
          tags: isFailure ? sent.tags : others,
        });
      }),
      { numRuns: 500 },
    );
  });
});
