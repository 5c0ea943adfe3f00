import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AppendFrameWriter,
  HAS_RV,
  HEAD,
  HEAD_BYTES,
  headsOf,
  IS_ERROR,
  IS_PAGE,
  KIND_BITS,
  splitAppendFrame,
} from '../../model/append-frame.ts';
import { formatHex } from '../../model/ids.ts';
import { MAX_NAME_CHARS } from '../../model/limits.ts';
import { cutName } from '../../model/names.ts';
import { type ResourceSpansSchema, TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import { scanTraces } from '../../model/otlp/scan.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import { readFrame, SLICE_HAS_UNSAMPLED } from '../../model/slice-frame.ts';
import { tracesData } from './otlp/arbitrary.ts';

const decoder = new TextDecoder();

/** Reads heads by the layout alone. */
function readHeads(heads: Uint8Array) {
  const view = new DataView(heads.buffer, heads.byteOffset, heads.byteLength);
  let at = 0;
  const u16 = () => {
    at += 2;
    return view.getUint16(at - 2, true);
  };
  const text = (length: number) => {
    at += length;
    return decoder.decode(heads.subarray(at - length, at));
  };
  const operations = Array.from({ length: u16() }, () => {
    const [service, name] = [u16(), u16()];
    return [text(service), text(name)] as const;
  });
  const slices = [];
  const randoms: ([number, number] | null)[] = [];
  while (at < heads.length) {
    const spans = u16();
    const flags = view.getUint8(at++);
    let random: [number, number] | null = null;
    if (flags & HAS_RV) {
      random = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      at += 8;
    }
    randoms.push(random);
    slices.push(
      Array.from({ length: spans }, () => {
        const head = at;
        at += HEAD_BYTES;
        const [service, name] = operations[view.getUint16(head + HEAD.operation, true)]!;
        return {
          spanId: formatHex(heads, head + HEAD.spanId, 8),
          parentSpanId: formatHex(heads, head + HEAD.parentSpanId, 8),
          startUs: view.getFloat64(head + HEAD.startUs, true),
          endUs: view.getFloat64(head + HEAD.endUs, true),
          service,
          name,
          kind: view.getUint8(head + HEAD.bits) & KIND_BITS,
          isError: (view.getUint8(head + HEAD.bits) & IS_ERROR) > 0,
          isPage: (view.getUint8(head + HEAD.bits) & IS_PAGE) > 0,
          weight: view.getFloat32(head + HEAD.weight, true),
          bytes: view.getUint32(head + HEAD.bytes, true),
        };
      }),
    );
  }
  expect(at).toBe(heads.length);
  return { operations, slices, randoms };
}

/** What the heads of a slice should say, as protobuf-es decodes it. */
function expectedHeads(otlp: Uint8Array) {
  const sizes = scanTraces(otlp);
  return fromBinary(TracesDataSchema, otlp)
    .resourceSpans.flatMap(({ resource, scopeSpans }) => {
      const attribute = (name: string) => {
        const value = resource?.attributes.findLast(({ key }) => key === name)?.value?.value;
        return value?.case === 'stringValue' ? value.value : '';
      };
      return scopeSpans.flatMap(({ spans }) =>
        spans.map((span) => ({
          spanId: formatHex(span.spanId),
          parentSpanId: formatHex(span.parentSpanId.length === 8 ? span.parentSpanId : new Uint8Array(8)),
          startUs: Number(span.startTimeUnixNano / 1000n),
          endUs: Number(span.endTimeUnixNano / 1000n),
          service: cutName(attribute('service.name') || 'unknown_service'),
          name: cutName(span.name),
          kind: span.kind as number,
          isError: span.status?.code === 2,
          isPage: attribute('tailrace.key_class') === 'page',
          weight: /th:8/.test(span.traceState) ? 2 : 1,
        })),
      );
    })
    .map((head, i) => ({ ...head, bytes: sizes.end[i]! - sizes.start[i]! }));
}

/** A request's traces, each cut into slices of at most `maxSpans`. */
function write(writer: AppendFrameWriter, otlp: Uint8Array, maxSpans: number): Uint8Array {
  const table = scanTraces(otlp);
  const { count, rows, starts } = groupByTrace(table);
  for (let trace = 0; trace < count; trace++) {
    for (let from = starts[trace]!; from < starts[trace + 1]!; from += maxSpans) {
      writer.addSlice(table, rows, from, Math.min(from + maxSpans, starts[trace + 1]!), trace & 1);
    }
  }
  return writer.finish();
}

const encode = (resourceSpans: MessageInitShape<typeof ResourceSpansSchema>[]) =>
  toBinary(TracesDataSchema, create(TracesDataSchema, { resourceSpans }));
const good = {
  traceId: new Uint8Array(16).fill(1),
  spanId: new Uint8Array(8).fill(2),
  startTimeUnixNano: 1_700_000_000_000_000_000n,
};
const withServices = (names: readonly string[], spanNames: readonly string[]) =>
  encode(
    names.map((name) => ({
      resource: { attributes: [{ key: 'service.name', value: { value: { case: 'stringValue', value: name } } }] },
      scopeSpans: [{ spans: spanNames.map((spanName) => ({ ...good, name: spanName })) }],
    })),
  );

describe('AppendFrameWriter', () => {
  it('says of every span of its slices what protobuf-es decodes, and headsOf says the same, byte for byte', () => {
    const writer = new AppendFrameWriter();
    let spans = 0;
    fc.assert(
      fc.property(tracesData, fc.integer({ min: 1, max: 9 }), (message, maxSpans) => {
        writer.reset();
        const bytes = toBinary(TracesDataSchema, message);
        const { heads, slices } = splitAppendFrame(write(writer, bytes, maxSpans));
        const { operations, slices: heads_ } = readHeads(heads);
        expect(heads_).toEqual(readFrame(slices).map(({ start, end }) => expectedHeads(slices.subarray(start, end))));
        expect(new Set(operations.map((pair) => JSON.stringify(pair))).size).toBe(operations.length);
        expect(headsOf(slices)).toEqual(heads);
        expect(writer.spans).toBe(scanTraces(bytes).countGood());
        spans += writer.spans;
      }),
      { numRuns: 300 },
    );
    expect(spans).toBeGreaterThan(1_000);
  });

  it('has the trace id and the flags in front of each slice', () => {
    const ids = [3, 4].map((byte) => new Uint8Array(16).fill(byte));
    const bytes = encode([{ scopeSpans: [{ spans: ids.map((traceId) => ({ ...good, traceId })) }] }]);
    const { slices } = splitAppendFrame(write(new AppendFrameWriter(), bytes, 9));
    const found = readFrame(slices).map(({ traceIdAt, flags }) => [formatHex(slices, traceIdAt, 16), flags]);
    expect(found).toEqual([
      ['03'.repeat(16), 0],
      ['04'.repeat(16), 1],
    ]);
  });

  it('has nothing of nothing', () => {
    const { heads, slices } = splitAppendFrame(new AppendFrameWriter().finish());
    expect([[...heads], [...slices]]).toEqual([[0, 0], []]);
    expect(headsOf(slices)).toEqual(heads);
  });

  it('tells the same name of two services apart, and the same pair of two resources not', () => {
    const { heads } = splitAppendFrame(write(new AppendFrameWriter(), withServices(['a', 'b', 'a'], ['x', 'y']), 9));
    expect(readHeads(heads).operations).toEqual([
      ['a', 'x'],
      ['a', 'y'],
      ['b', 'x'],
      ['b', 'y'],
    ]);
  });

  it('numbers thousands of operations, forgets them, and numbers anew', () => {
    const writer = new AppendFrameWriter();
    for (const prefix of ['first', 'second']) {
      writer.reset();
      const names = Array.from({ length: 6_000 }, (_, i) => `${prefix}-${i % 5_000}`);
      const { heads } = splitAppendFrame(write(writer, withServices(['shop'], names), 10_000));
      const { operations, slices } = readHeads(heads);
      expect(operations).toEqual(names.slice(0, 5_000).map((name) => ['shop', name]));
      expect(slices[0]!.map(({ name }) => name)).toEqual(names);
    }
  });

  it('cuts names as they are indexed: by UTF-16 units, never within a character', () => {
    const longs = [
      'x'.repeat(600),
      '\u{1f600}'.repeat(300),
      `${'y'.repeat(MAX_NAME_CHARS - 1)}\u{1f600}`,
      'é'.repeat(500),
    ];
    const { heads, slices } = splitAppendFrame(write(new AppendFrameWriter(), withServices(longs, longs), 99));
    expect(readHeads(heads).operations).toEqual(
      longs.flatMap((service) => longs.map((name) => [cutName(service), cutName(name)])),
    );
    expect(headsOf(slices)).toEqual(heads);
  });

  it('has every span stand for itself where the sender sent what it did not sample too', () => {
    const bytes = encode([{ scopeSpans: [{ spans: [{ ...good, traceState: 'ot=th:c;rv:00000100000002' }] }] }]);
    const table = scanTraces(bytes);
    for (const flags of [0, SLICE_HAS_UNSAMPLED]) {
      const writer = new AppendFrameWriter();
      writer.addSlice(table, table.goodRows(), 0, 1, flags);
      const { heads, slices } = splitAppendFrame(writer.finish());
      const { slices: read, randoms } = readHeads(heads);
      expect([read[0]![0]!.weight, randoms]).toEqual([flags === 0 ? 4 : 1, [[1, 2]]]);
      expect(headsOf(slices)).toEqual(heads);
    }
  });

  it('says what share of traces the sender kept, and the randomness that one span of a slice has', () => {
    const states = ['vendor=1', 'ot=th:c', 'vendor=1,ot=rv:00000100000002;th:8', 'ot=rv:ffffffffffffff'];
    const bytes = encode([{ scopeSpans: [{ spans: states.map((traceState) => ({ ...good, traceState })) }] }]);
    const { heads, slices } = splitAppendFrame(write(new AppendFrameWriter(), bytes, 9));
    const { slices: read, randoms } = readHeads(heads);
    expect(read[0]!.map(({ weight }) => weight)).toEqual([1, 4, 2, 1]);
    expect(randoms).toEqual([[1, 2]]);
    expect(headsOf(slices)).toEqual(heads);
  });

  it('marks what came under a page\u2019s key', () => {
    const attributes = [
      { key: 'tailrace.key_class', value: { value: { case: 'stringValue' as const, value: 'page' } } },
    ];
    const bytes = encode([
      { resource: { attributes }, scopeSpans: [{ spans: [good] }] },
      { scopeSpans: [{ spans: [good] }] },
    ]);
    const { heads } = splitAppendFrame(write(new AppendFrameWriter(), bytes, 9));
    expect(readHeads(heads).slices[0]!.map(({ isPage }) => isPage)).toEqual([true, false]);
  });
});

describe('splitAppendFrame', () => {
  it('refuses a frame that ends within its heads', () => {
    const frame = write(new AppendFrameWriter(), withServices(['shop'], ['x']), 9);
    const { heads } = splitAppendFrame(frame);
    for (const length of [0, 3, 4, 3 + heads.length]) {
      expect(() => splitAppendFrame(frame.subarray(0, length))).toThrow(RangeError);
    }
    expect(splitAppendFrame(frame.subarray(0, 4 + heads.length)).slices).toHaveLength(0);
  });
});
