/**
 * Zipkin's v2 spans in JSON and protobuf. Its answer is empty: which spans are good is known here by rules of their own, and
 * what is counted must agree.
 */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { formatHex } from '../../../model/ids.ts';
import { ListOfSpansSchema, SpanSchema } from '../../../model/zipkin/gen/zipkin_pb.js';
import { mutateBytes, mutateJson } from './mutate.ts';
import { SOME_DAY_US } from './otlp.ts';
import {
  exchange,
  type FuzzAnswer,
  type FuzzEdge,
  type FuzzProtocol,
  jsonBytes,
  type SentSpan,
  textOf,
} from './protocol.ts';

/** A span as it was sent, and whether the edge is to take it. */
interface Judged extends SentSpan {
  readonly isGood: boolean;
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const endpoint = fc.record(
  { serviceName: text, ipv4: fc.constantFrom('10.0.0.7', '127.0.0.1'), port: fc.nat(65_535) },
  { requiredKeys: [] },
);

const span = (traceId: Uint8Array, dayUs: number) => {
  const timestamp = fc.nat(1_000_000).map((us) => dayUs + us);
  return fc.record(
    {
      traceId: fc.constant(traceId),
      id: bytes(8),
      parentId: bytes(8),
      kind: fc.integer({ min: 1, max: 4 }),
      name: text,
      timestamp,
      duration: fc.nat(1_000_000),
      localEndpoint: endpoint,
      remoteEndpoint: endpoint,
      annotations: fc.array(fc.record({ timestamp, value: text }), { maxLength: 2 }),
      tags: fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true }),
      debug: fc.boolean(),
      shared: fc.boolean(),
    },
    { requiredKeys: ['traceId', 'id', 'timestamp'] },
  );
};

/** A third of the lists are of times that the edge takes. */
const spans = fc
  .tuple(fc.oneof(bytes(16), bytes(8)), fc.constantFrom(SOME_DAY_US, 0, 2 ** 52))
  .chain(([traceId, dayUs]) => fc.array(span(traceId, dayUs), { minLength: 1, maxLength: 5 }));

const KINDS = ['', 'CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'];

export const ZIPKIN_JSON: FuzzProtocol = {
  name: 'zipkin_json',
  counted: 'zipkin',
  samples: (seed, numRuns) =>
    fc.sample(spans, { seed, numRuns }).map((list) =>
      jsonBytes(
        list.map(({ traceId, id, parentId, kind, ...rest }) => ({
          traceId: formatHex(traceId),
          // Leading zeros may be left out.
          id: formatHex(id).replace(/^0+/, ''),
          ...(parentId ? { parentId: formatHex(parentId) } : {}),
          ...(kind === undefined ? {} : { kind: KINDS[kind] }),
          ...rest,
        })),
      ),
    ),
  mutate: mutateJson,
  spansOf: jsonSpans,
  send: (edge, body) => send(edge, 'application/json', body, jsonSpans),
};

export const ZIPKIN_PROTOBUF: FuzzProtocol = {
  name: 'zipkin_protobuf',
  counted: 'zipkin',
  samples: (seed, numRuns) =>
    fc.sample(spans, { seed, numRuns }).map((list) => {
      const encoded = list.map(({ timestamp, duration, localEndpoint, remoteEndpoint, annotations, ...rest }) =>
        toBinary(
          SpanSchema,
          create(SpanSchema, {
            ...rest,
            timestamp: BigInt(timestamp),
            duration: BigInt(duration ?? 0),
            ...(localEndpoint ? { localEndpoint: protobufEndpoint(localEndpoint) } : {}),
            ...(remoteEndpoint ? { remoteEndpoint: protobufEndpoint(remoteEndpoint) } : {}),
            annotations: (annotations ?? []).map(({ value, ...at }) => ({ value, timestamp: BigInt(at.timestamp) })),
          }),
        ),
      );
      return toBinary(ListOfSpansSchema, create(ListOfSpansSchema, { spans: encoded }));
    }),
  mutate: mutateBytes,
  spansOf: protobufSpans,
  send: (edge, body) => send(edge, 'application/x-protobuf', body, protobufSpans),
};

function protobufEndpoint({ ipv4, ...rest }: { ipv4?: string; serviceName?: string; port?: number }) {
  return { ...rest, ...(ipv4 ? { ipv4: Uint8Array.from(ipv4.split('.').map(Number)) } : {}) };
}

async function send(
  edge: FuzzEdge,
  type: string,
  body: Uint8Array,
  spansOf: (body: Uint8Array) => Judged[],
): Promise<FuzzAnswer> {
  const { status, bytes } = await exchange(edge, '/api/v2/spans', type, body);
  if (status !== 202) return { status: status === 200 ? 500 : status, rejected: 0, text: textOf(bytes) };
  return { status: 200, rejected: spansOf(body).filter(({ isGood }) => !isGood).length, text: '' };
}

function jsonSpans(body: Uint8Array): Judged[] {
  return (JSON.parse(textOf(body)) as unknown[]).map((item) => {
    if (!isObject(item)) return BROKEN;
    const { traceId, id } = item;
    const ids = { traceId: String(traceId).padStart(32, '0'), spanId: String(id).padStart(16, '0') };
    const isGood =
      typeof traceId === 'string' && isId(traceId, 32) && typeof id === 'string' && isId(id, 16) && isGoodJson(item);
    return { traceId: ids.traceId.toLowerCase(), spanId: ids.spanId.toLowerCase(), isGood };
  });
}

const BROKEN: Judged = { traceId: '', spanId: '', isGood: false };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown) => value == null || typeof value === 'string';
const isMicros = (value: unknown) => value == null || (Number.isSafeInteger(value) && (value as number) >= 0);
const isId = (value: string, digits: number) => new RegExp(`^(?!0+$)[0-9a-f]{1,${digits}}$`, 'i').test(value);
const isEndpoint = (value: unknown) =>
  value == null ||
  (isObject(value) &&
    [value.serviceName, value.ipv4, value.ipv6].every(isText) &&
    (value.port == null || Number.isInteger(value.port)));

/** All but the ids. */
function isGoodJson({ parentId, kind, name, timestamp, duration, tags, ...rest }: Record<string, unknown>): boolean {
  const annotations = rest.annotations ?? [];
  return (
    (!parentId || (typeof parentId === 'string' && /^[0-9a-f]{1,16}$/i.test(parentId))) &&
    [kind, name].every(isText) &&
    [timestamp, duration].every(isMicros) &&
    [rest.localEndpoint, rest.remoteEndpoint].every(isEndpoint) &&
    (tags == null || (isObject(tags) && Object.values(tags).every((value) => typeof value === 'string'))) &&
    Array.isArray(annotations) &&
    annotations.every((one) => isObject(one) && isMicros(one.timestamp) && isText(one.value)) &&
    areTimes(
      Number(timestamp ?? 0),
      Number(duration ?? 0),
      annotations.map((one) => Number(one.timestamp ?? 0)),
    )
  );
}

function protobufSpans(body: Uint8Array): Judged[] {
  return fromBinary(ListOfSpansSchema, body).spans.map((bytes) => {
    try {
      const { traceId, id, parentId, timestamp, duration, annotations } = fromBinary(SpanSchema, bytes);
      const isGood =
        [8, 16].includes(traceId.length) &&
        id.length === 8 &&
        [traceId, id].every((each) => each.some((byte) => byte > 0)) &&
        [0, 8].includes(parentId.length) &&
        areTimes(
          Number(timestamp),
          Number(duration),
          annotations.map((one) => Number(one.timestamp)),
        );
      return { traceId: formatHex(traceId).padStart(32, '0'), spanId: formatHex(id), isGood };
    } catch {
      return BROKEN;
    }
  });
}

const YEAR_US = 365 * 86_400_000_000;

/** A start, or else the earliest annotation; neither it nor the end too far from now. */
function areTimes(timestamp: number, duration: number, annotations: readonly number[]): boolean {
  const startUs = timestamp || Math.min(...annotations);
  const endUs = startUs + duration;
  const nowUs = Date.now() * 1000;
  return (
    [startUs, endUs, ...annotations].every(Number.isSafeInteger) &&
    startUs > nowUs - 10 * YEAR_US &&
    endUs < nowUs + 86_400_000_000
  );
}
