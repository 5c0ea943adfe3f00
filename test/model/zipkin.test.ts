import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatHex } from '../../model/ids.ts';
import { JsonError } from '../../model/otlp/json-access.ts';
import { ProtoError } from '../../model/otlp/proto-reader.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { encodeJsonSpans } from '../../model/spans/json.ts';
import { ListOfSpansSchema, type Span, Span_Kind, SpanSchema } from '../../model/zipkin/gen/zipkin_pb.js';
import { encodeZipkinJson } from '../../model/zipkin/json.ts';
import { encodeZipkinProtobuf } from '../../model/zipkin/protobuf.ts';

const bytes = (...lengths: number[]) =>
  fc.oneof(...lengths.map((length) => fc.uint8Array({ minLength: length, maxLength: length })));
const text = fc.string({ unit: 'binary', maxLength: 8 }).map((value) => value.toWellFormed());
const micros = fc.oneof(fc.constant(0n), fc.bigInt(1n, 2n ** 52n), fc.bigInt(0n, 2n ** 64n - 1n));
const endpoint = fc.record({
  serviceName: text,
  ipv4: fc.oneof(fc.constant(new Uint8Array()), bytes(4)),
  port: fc.nat(65_535),
});
const span = fc
  .record({
    traceId: bytes(16, 8),
    id: bytes(8),
    parentId: bytes(0, 8),
    kind: fc.constantFrom(...[0, 1, 2, 3, 4]),
    name: text,
    timestamp: micros,
    duration: micros,
    localEndpoint: fc.option(endpoint, { nil: undefined }),
    remoteEndpoint: fc.option(endpoint, { nil: undefined }),
    annotations: fc.array(fc.record({ timestamp: micros, value: text }), { maxLength: 3 }),
    tags: fc.dictionary(fc.oneof(text, fc.constantFrom('error', 'otel.status_code')), text, { maxKeys: 4 }),
    debug: fc.boolean(),
    shared: fc.boolean(),
  })
  .map((fields) => create(SpanSchema, fields));

/** The same span as reporters write it in JSON, leading zeros left out. */
function toJson(message: Span): object {
  const hex = (id: Uint8Array) => formatHex(id).replace(/^0+(?=.)/, '');
  const where = (value: Span['localEndpoint']) =>
    value && { serviceName: value.serviceName, ipv4: value.ipv4.join('.'), port: value.port };
  return {
    traceId: hex(message.traceId),
    id: hex(message.id),
    parentId: message.parentId.length > 0 ? hex(message.parentId) : undefined,
    kind: message.kind === 0 ? undefined : Span_Kind[message.kind],
    name: message.name,
    timestamp: Number(message.timestamp),
    duration: Number(message.duration),
    localEndpoint: where(message.localEndpoint),
    remoteEndpoint: where(message.remoteEndpoint),
    annotations: message.annotations.map(({ timestamp, value }) => ({ timestamp: Number(timestamp), value })),
    tags: message.tags,
    debug: message.debug,
    shared: message.shared,
  };
}

const listOf = (spans: readonly Uint8Array[]) =>
  toBinary(ListOfSpansSchema, create(ListOfSpansSchema, { spans: [...spans] }));

it('says the same of a span in JSON as in protobuf, and takes or rejects each', () => {
  const counts = { taken: 0, rejected: 0 };
  fc.assert(
    fc.property(fc.array(span, { maxLength: 6 }), (spans) => {
      const protobuf = encodeZipkinProtobuf(listOf(spans.map((message) => toBinary(SpanSchema, message))));
      const json = encodeZipkinJson(JSON.parse(JSON.stringify(spans.map(toJson))));
      expect(json.rejections.map(({ reason }) => reason)).toEqual(protobuf.rejections.map(({ reason }) => reason));
      expect(Buffer.compare(json.otlp, protobuf.otlp)).toBe(0);
      const table = scanTraces(protobuf.otlp);
      expect(table.count + protobuf.rejections.length).toBe(spans.length);
      counts.taken += table.countGood();
      counts.rejected += protobuf.rejections.length;
    }),
    { numRuns: 500 },
  );
  expect(Math.min(counts.taken, counts.rejected)).toBeGreaterThan(100);
});

it('refuses bytes that are no list with a ProtoError and nothing else', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 3 }), fc.array(fc.tuple(fc.nat(), fc.nat(255))), (spans, changes) => {
      const body = listOf(spans.map((message) => toBinary(SpanSchema, message)));
      if (body.length > 0) for (const [at, byte] of changes) body[at % body.length] = byte;
      try {
        scanTraces(encodeZipkinProtobuf(body).otlp);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtoError);
      }
    }),
    { numRuns: 1000 },
  );
});

const names = [
  ...['traceId', 'id', 'parentId', 'kind', 'timestamp', 'duration', 'localEndpoint', 'annotations', 'tags', 'port'],
  ...['spans', 'trace_id', 'span_id', 'start_time', 'end_time', 'attributes', 'events', 'status', 'code', 'timestamp'],
];
const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('5b8efff798038103', '5b8efff798038103d269b633813fc60c', '2026-09-21T11:33:20Z', 'SERVER', 'ERROR'),
    fc.jsonValue({ maxDepth: 1 }),
    fc.dictionary(fc.constantFrom(...names), tie('value')),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value;

it.each([
  ['Zipkin', encodeZipkinJson],
  ['plain', encodeJsonSpans],
])('makes of any %s JSON readable OTLP, or refuses it with a JsonError', (_, encode) => {
  fc.assert(
    fc.property(anything, (body) => {
      try {
        scanTraces(encode(body).otlp);
      } catch (error) {
        expect(error).toBeInstanceOf(JsonError);
      }
    }),
    { numRuns: 3000 },
  );
});
