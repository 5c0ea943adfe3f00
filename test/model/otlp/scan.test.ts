import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { MAX_SPAN_BYTES } from '../../../model/limits.ts';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import { SpanSchema, type TracesData, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { ProtoError, ProtoReader } from '../../../model/otlp/proto-reader.ts';
import { ProtoWriter } from '../../../model/otlp/proto-writer.ts';
import { scanTraces } from '../../../model/otlp/scan.ts';
import { groupByTrace, SlicePlan } from '../../../model/otlp/slice.ts';
import { REQUEST_LIMITS, type SpanTable, textAt } from '../../../model/otlp/span-table.ts';
import { tracesData } from './arbitrary.ts';

/** What the scanner should find, as protobuf-es decodes it. */
function expected(message: TracesData) {
  return message.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const name = resource?.attributes.filter(({ key }) => key === 'service.name').at(-1)?.value?.value;
    const service = name?.case === 'stringValue' && name.value !== '' ? name.value : 'unknown_service';
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service,
        name: span.name,
        traceId: formatHex(span.traceId),
        spanId: formatHex(span.spanId),
        parent: span.parentSpanId.some((byte) => byte !== 0) ? formatHex(span.parentSpanId) : null,
        kind: span.kind as number,
        status: (span.status?.code ?? 0) as number,
        traceState: span.traceState,
        startUs: Number(span.startTimeUnixNano / 1000n),
        endUs: Number(span.endTimeUnixNano / 1000n),
      })),
    );
  });
}

function scanned(bytes: Uint8Array) {
  const table = scanTraces(bytes);
  return Array.from({ length: table.count }, (_, i) => ({
    service: table.service(i),
    name: table.name(i),
    traceId: formatHex(bytes, table.traceIdAt[i]!, 16),
    spanId: formatHex(bytes, table.spanIdAt[i]!, 8),
    parent: table.parentIdAt[i] === -1 ? null : formatHex(bytes, table.parentIdAt[i]!, 8),
    kind: table.kind[i]!,
    status: table.status[i]!,
    traceState: textAt(bytes, table.traceStateStart[i]!, table.traceStateEnd[i]!),
    startUs: table.startUs[i]!,
    endUs: table.endUs[i]!,
  }));
}

const good = {
  traceId: new Uint8Array(16).fill(1),
  spanId: new Uint8Array(8).fill(2),
  startTimeUnixNano: 1_700_000_000_000_000_000n,
};

/** The good rows of each trace. */
function traces(table: SpanTable): Int32Array[] {
  const { count, rows, starts } = groupByTrace(table);
  return Array.from({ length: count }, (_, i) => rows.subarray(starts[i], starts[i + 1]));
}

function slice(table: SpanTable, rows: Int32Array): Uint8Array {
  const plan = new SlicePlan(table, rows);
  const bytes = new Uint8Array(plan.length);
  expect(plan.writeTo(bytes, 0)).toBe(bytes.length);
  return bytes;
}

/** Which fields are messages, and which fields of those. */
interface Messages {
  readonly [field: number]: Messages;
}
const KEY_VALUE_MESSAGES: Messages = { 2: {} };
const SPAN_MESSAGES: Messages = {
  9: KEY_VALUE_MESSAGES,
  11: { 3: KEY_VALUE_MESSAGES },
  13: { 4: KEY_VALUE_MESSAGES },
  15: {},
};
const TRACES_DATA_MESSAGES: Messages = {
  1: { 1: { 1: KEY_VALUE_MESSAGES }, 2: { 1: { 3: KEY_VALUE_MESSAGES }, 2: SPAN_MESSAGES } },
};

/** The same message with `extra` more bytes in each tag, each length and each number: valid, but not as short as can be. */
function padVarints(bytes: Uint8Array, messages: Messages, extra: number): Uint8Array {
  const out: number[] = [];
  const write = (value: number) => {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
    out.push(rest | 0x80, ...new Array(extra - 1).fill(0x80), 0);
  };
  const reader = new ProtoReader(bytes);
  while (reader.next(bytes.length)) {
    const { field, wireType, valueStart, valueEnd } = reader;
    write(field * 8 + wireType);
    const value = bytes.subarray(valueStart, valueEnd);
    if (wireType === 0 && value.length + extra <= 10)
      out.push(...value.subarray(0, -1), value.at(-1)! | 0x80, ...new Array(extra - 1).fill(0x80), 0);
    else if (wireType !== 2) out.push(...value);
    else {
      const inner = messages[field] ? padVarints(value, messages[field], extra) : value;
      write(inner.length);
      for (const byte of inner) out.push(byte);
    }
  }
  return Uint8Array.from(out);
}

describe('scanTraces', () => {
  it('finds what protobuf-es decodes', () => {
    fc.assert(
      fc.property(tracesData, (message) => {
        expect(scanned(toBinary(TracesDataSchema, message))).toEqual(expected(message));
      }),
      { numRuns: 300 },
    );
  });

  it('finds the same where tags and lengths take more bytes than they need', () => {
    fc.assert(
      fc.property(tracesData, fc.integer({ min: 1, max: 3 }), (message, extra) => {
        const padded = padVarints(toBinary(TracesDataSchema, message), TRACES_DATA_MESSAGES, extra);
        expect(scanned(padded)).toEqual(expected(message));
        const flat = (bytes: Uint8Array) => decodeSpans(bytes, 'live');
        expect(flat(padded)).toEqual(flat(toBinary(TracesDataSchema, message)));
      }),
      { numRuns: 100 },
    );
  });

  it('groups by trace, in the order in which traces appear', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 300 }), (ids) => {
        const bytes = encode(ids.map((id) => ({ ...good, traceId: new Uint8Array(16).fill(7).fill(id, id % 16) })));
        const groups = new Map<number, number[]>();
        for (const [row, id] of ids.entries()) groups.set(id, [...(groups.get(id) ?? []), row]);
        expect(traces(scanTraces(bytes)).map((rows) => [...rows])).toEqual([...groups.values()]);
      }),
      { numRuns: 100 },
    );
  });

  it('finds nothing in nothing', () => {
    expect(scanTraces(new Uint8Array()).count).toBe(0);
  });

  it('slices into messages that hold every span once, under its resource and scope', () => {
    fc.assert(
      fc.property(tracesData, (message) => {
        const bytes = toBinary(TracesDataSchema, message);
        const table = scanTraces(bytes);
        const slices = traces(table).map((rows) => {
          return fromBinary(TracesDataSchema, slice(table, rows));
        });
        for (const slice of slices) {
          expect(new Set(expected(slice).map(({ traceId }) => traceId)).size).toBe(1);
        }
        const flat = (messages: TracesData[]) =>
          messages
            .flatMap(({ resourceSpans }) =>
              resourceSpans.flatMap(({ resource, scopeSpans, schemaUrl }) =>
                scopeSpans.flatMap(({ scope, spans, schemaUrl: scopeUrl }) =>
                  spans.map((span) => ({ resource, schemaUrl, scope, scopeUrl, span })),
                ),
              ),
            )
            .map((entry) => JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
            .sort();
        expect(flat(slices)).toEqual(flat([fromBinary(TracesDataSchema, bytes)]));
      }),
      { numRuns: 200 },
    );
  });

  it('never fails on mutated bytes but with ProtoError, and what it accepts can be decoded', () => {
    let accepted = 0;
    let broken = 0;
    fc.assert(
      fc.property(
        tracesData,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat()),
        (message, changes, cut) => {
          let bytes = toBinary(TracesDataSchema, message);
          if (bytes.length === 0) return;
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          if (cut !== null) bytes = bytes.subarray(0, cut % bytes.length);
          try {
            const table = scanTraces(bytes);
            for (const rows of traces(table)) {
              accepted += decodeSpans(slice(table, rows), 'live').length;
            }
          } catch (error) {
            expect(error).toBeInstanceOf(ProtoError);
            broken++;
          }
        },
      ),
      { numRuns: 3_000 },
    );
    // The mutations must reach both outcomes, or the test shows nothing.
    expect(accepted).toBeGreaterThan(500);
    expect(broken).toBeGreaterThan(100);
  });

  it.each([
    ['a zero trace id', { ...good, traceId: new Uint8Array(16) }, 'invalid_trace_id'],
    ['a short trace id', { ...good, traceId: new Uint8Array(8).fill(1) }, 'invalid_trace_id'],
    ['no trace id', { ...good, traceId: new Uint8Array() }, 'invalid_trace_id'],
    ['a zero span id', { ...good, spanId: new Uint8Array(8) }, 'invalid_span_id'],
    ['a long span id', { ...good, spanId: new Uint8Array(16).fill(1) }, 'invalid_span_id'],
    ['a short parent', { ...good, parentSpanId: new Uint8Array(4).fill(1) }, 'invalid_parent_span_id'],
    ['no start', { ...good, startTimeUnixNano: 0n }, 'invalid_time'],
    ['an impossible end', { ...good, endTimeUnixNano: 2n ** 64n - 1n }, 'invalid_time'],
    ['a huge name', { ...good, name: 'x'.repeat(MAX_SPAN_BYTES) }, 'span_too_large'],
  ])('rejects %s and keeps the span beside it', (_, bad, reason) => {
    const bytes = encode([bad, good]);
    const table = scanTraces(bytes, REQUEST_LIMITS);
    expect([table.rejection(0), table.rejection(1)]).toEqual([reason, null]);
    expect(traces(table)).toEqual([Int32Array.of(1)]);
  });

  it('rejects a value nested deeper than readers recurse', () => {
    let value: object = { value: { case: 'stringValue', value: 'deep' } };
    for (let i = 0; i < 40; i++) value = { value: { case: 'arrayValue', value: { values: [value] } } };
    const table = scanTraces(encode([{ ...good, attributes: [{ key: 'k', value }] }, good]));
    expect([table.rejection(0), table.rejection(1)]).toEqual(['malformed_span', null]);
  });

  it('takes a message that comes in two parts as one, as readers do', () => {
    const part = fc.record({
      parentSpanId: fc.constantFrom(new Uint8Array(), new Uint8Array(8), new Uint8Array(8).fill(3)),
      name: fc.constantFrom('', 'name'),
      kind: fc.constantFrom(0, 3),
      status: fc.option(fc.record({ code: fc.constantFrom(0, 2), message: fc.string() }), { nil: undefined }),
    });
    fc.assert(
      fc.property(part, part, (a, b) => {
        const halves = [{ ...good, ...a }, b].map((half) => toBinary(SpanSchema, create(SpanSchema, half)));
        const writer = new ProtoWriter();
        const resourceSpans = writer.begin(1);
        const scopeSpans = writer.begin(2);
        const span = writer.begin(2);
        for (const half of halves) writer.raw(half);
        for (const message of [span, scopeSpans, resourceSpans]) writer.end(message);
        const bytes = writer.finish();
        expect(scanned(bytes)).toEqual(expected(fromBinary(TracesDataSchema, bytes)));
      }),
    );
  });

  it('takes no parent after all, where one is taken back', () => {
    const bytes = encode([{ ...good, parentSpanId: new Uint8Array(8).fill(3) }]);
    const writer = new ProtoWriter();
    const table = scanTraces(bytes);
    const resourceSpans = writer.begin(1);
    const scopeSpans = writer.begin(2);
    const span = writer.begin(2);
    writer.raw(bytes.subarray(table.start[0], table.end[0]));
    writer.bytesField(4, new Uint8Array());
    for (const message of [span, scopeSpans, resourceSpans]) writer.end(message);
    const again = scanned(writer.finish());
    expect(again).toEqual(expected(fromBinary(TracesDataSchema, writer.finish())));
    expect(again[0]!.parent).toBe(null);
  });

  it('knows the service where its name comes before its key', () => {
    const writer = new ProtoWriter();
    const resourceSpans = writer.begin(1);
    const resource = writer.begin(1);
    const attribute = writer.begin(1);
    const value = writer.begin(2);
    writer.stringField(1, 'shop');
    writer.end(value);
    writer.stringField(1, 'service.name');
    writer.end(attribute);
    writer.end(resource);
    writer.raw(encode([good]).subarray(2));
    writer.end(resourceSpans);
    const bytes = writer.finish();
    expect(scanned(bytes)).toEqual(expected(fromBinary(TracesDataSchema, bytes)));
    expect(scanTraces(bytes).service(0)).toBe('shop');
  });

  it('keeps a span whose strings are not UTF-8 readable', () => {
    const bytes = encode([{ ...good, name: 'xyz' }]);
    const at = bytes.findIndex((byte, i) => byte === 0x78 && bytes[i + 1] === 0x79);
    bytes[at] = 0xff;
    expect(decodeSpans(bytes, 'live')[0]!.name).toBe('\ufffdyz');
  });
});

function encode(spans: object[]): Uint8Array {
  return toBinary(TracesDataSchema, create(TracesDataSchema, { resourceSpans: [{ scopeSpans: [{ spans }] }] }));
}
