import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBlockIndex, decodeBlockTerms, encodeBlock } from '../../store/block.ts';
import { type BlockTrace, decodeBlockEntry, MAX_ENTRY_RAW_BYTES } from '../../store/block-entry.ts';
import { BlockError, type BlockFault } from '../../store/errors.ts';
import { traceIdOf } from '../contract/parts.ts';
import { BLOCK_V1_HEX, BLOCK_V1_TRACES } from './fixtures/block-v1.ts';

const text = (content: string) => new TextEncoder().encode(content);

/** Every trace of a block, read as the store reads them: by the index's offsets and lengths. */
function decodeAll(block: Uint8Array): Map<string, Uint8Array> {
  const entries = [...decodeBlockIndex(block).entries.values()];
  decodeBlockTerms(block);
  return new Map(
    entries.map(({ traceId, offset, length }) => [
      traceId,
      decodeBlockEntry(block.subarray(offset, offset + length), traceId),
    ]),
  );
}

function faultOf(decode: () => unknown): BlockFault {
  try {
    decode();
  } catch (error) {
    if (error instanceof BlockError) return error.fault;
    throw error;
  }
  throw new Error('nothing was wrong');
}

const blockTraces: fc.Arbitrary<BlockTrace[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 1_000_000 }), { maxLength: 12 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers.map((n) =>
        fc.uint8Array({ maxLength: 300, size: 'max' }).map((otlp) => ({ traceId: traceIdOf(n), otlp })),
      ),
    ),
  );

/** Bytes that no compressor makes smaller. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

describe('block', () => {
  test.each([1, 32_768, 39_000, 41_000, 65_536, 100_000, 131_072, 131_073, 200_000, 400_000, 1_000_000, 5_000_000])(
    'gives back %i bytes, whether they compress or not',
    (length) => {
      const repeating = new Uint8Array(length).map((_, i) => (i % 251) ^ (i >> 9));
      const traces = [
        { traceId: traceIdOf(1), otlp: noise(length) },
        { traceId: traceIdOf(2), otlp: repeating },
        { traceId: traceIdOf(3), otlp: new Uint8Array(length) },
      ];
      const read = decodeAll(encodeBlock(traces).bytes);
      for (const { traceId, otlp } of traces) expect(Buffer.compare(read.get(traceId)!, otlp)).toBe(0);
    },
  );

  test('property: gives back what it was made of, and the same bytes for the same traces', () => {
    fc.assert(
      fc.property(blockTraces, (traces) => {
        const { bytes, entries } = encodeBlock(traces);
        expect(decodeAll(bytes)).toEqual(new Map(traces.map(({ traceId, otlp }) => [traceId, otlp])));
        expect([...decodeBlockIndex(bytes).entries.values()].toSorted((a, b) => a.offset - b.offset)).toEqual(entries);
        expect(encodeBlock(traces).bytes).toEqual(bytes);
      }),
    );
  });

  test('reads from the middle of a larger buffer', () => {
    const { bytes } = encodeBlock([{ traceId: traceIdOf(1), otlp: text('spans') }]);
    const larger = new Uint8Array(bytes.length + 20).fill(0xee);
    larger.set(bytes, 7);
    expect(decodeAll(larger.subarray(7, 7 + bytes.length)).get(traceIdOf(1))).toEqual(text('spans'));
  });

  test('a megabyte of repeating spans becomes small and comes back', () => {
    const otlp = text('GET /checkout 200 '.repeat(60_000));
    const { bytes, entries } = encodeBlock([{ traceId: traceIdOf(9), otlp }]);
    expect(bytes.length).toBeLessThan(5_000);
    expect(entries[0]!.rawLength).toBe(otlp.length);
    expect(Buffer.from(decodeAll(bytes).get(traceIdOf(9))!).equals(Buffer.from(otlp))).toBe(true);
  });

  test('refuses what is no trace id, one that comes twice, and one too large', () => {
    const otlp = text('x');
    for (const traceId of ['', 'a'.repeat(31), 'A'.repeat(32), '0'.repeat(32)]) {
      expect(() => encodeBlock([{ traceId, otlp }])).toThrow(RangeError);
    }
    const twice = [traceIdOf(1), traceIdOf(2), traceIdOf(1)].map((traceId) => ({ traceId, otlp }));
    expect(() => encodeBlock(twice)).toThrow(/comes twice/);
    const large = { traceId: traceIdOf(1), otlp: new Uint8Array(MAX_ENTRY_RAW_BYTES + 1) };
    expect(() => encodeBlock([large])).toThrow(/more than an entry may hold/);
  });

  test('v1 stays readable', () => {
    const block = new Uint8Array(Buffer.from(BLOCK_V1_HEX, 'hex'));
    expect(decodeBlockIndex(block).version).toBe(1);
    expect(decodeAll(block)).toEqual(new Map(BLOCK_V1_TRACES.map(({ traceId, otlp }) => [traceId, otlp])));
  });

  test('sections of other types are skipped', () => {
    const { bytes } = encodeBlock([{ traceId: traceIdOf(1), otlp: text('spans') }]);
    const sections = new DataView(bytes.buffer).getUint32(bytes.length - 20, true);
    const table = bytes.length - 24 - 16 * sections;
    const extra = text('a later section');
    const grown = new Uint8Array(bytes.length + extra.length + 16);
    const view = new DataView(grown.buffer);
    grown.set(bytes.subarray(0, table));
    grown.set(extra, table);
    const grownTable = table + extra.length;
    view.setUint32(grownTable, 77, true);
    view.setUint32(grownTable + 4, table, true);
    view.setUint32(grownTable + 8, extra.length, true);
    grown.set(bytes.subarray(table), grownTable + 16);
    const trailer = grown.length - 24;
    view.setUint32(trailer, grownTable, true);
    view.setUint32(trailer + 4, sections + 1, true);
    view.setUint32(trailer + 8, crc(grown.subarray(grownTable, trailer)), true);
    view.setUint32(trailer + 12, grown.length, true);
    expect(decodeAll(grown)).toEqual(decodeAll(bytes));
  });
});

describe('damaged block', () => {
  const traces = [1, 2, 3].map((n) => ({ traceId: traceIdOf(n), otlp: text(`spans of ${n} `.repeat(20)) }));
  const { bytes, entries } = encodeBlock(traces);
  const trailer = bytes.length - 24;
  const table = new DataView(bytes.buffer).getUint32(trailer, true);
  const patched = (offset: number, value: number) => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(offset, value, true);
    return copy;
  };

  test.each<[BlockFault, string, () => Uint8Array]>([
    ['too_short', 'nothing', () => new Uint8Array(0)],
    ['too_short', 'less than header and trailer', () => bytes.slice(0, 31)],
    ['bad_magic', 'another file', () => text('not a block, not a block, not a block')],
    ['bad_magic', 'the end is missing', () => bytes.slice(0, -1)],
    ['bad_magic', 'the beginning is missing', () => bytes.slice(1)],
    ['unknown_version', 'in the header', () => patched(4, 2)],
    ['unknown_version', 'in the trailer', () => patched(trailer + 16, 2)],
    ['bad_length', 'a middle is missing', () => Buffer.concat([bytes.slice(0, 40), bytes.slice(41)])],
    ['bad_section_table', 'offset beyond the end', () => patched(trailer, 0xffffffff)],
    ['bad_section_table', 'more sections than bytes', () => patched(trailer + 4, 0xffffffff)],
    ['bad_checksum', 'section record', () => patched(trailer - 16, 9)],
    ['bad_checksum', 'section table checksum', () => patched(trailer + 8, 1)],
    ['bad_checksum', 'trace index', () => patched(entriesEnd + 8, 1)],
  ])('%s: %s', (fault, _what, damage) => {
    expect(faultOf(() => decodeBlockIndex(damage()))).toBe(fault);
  });

  test.each<[BlockFault, string, (view: DataView) => void]>([
    ['no_trace_index', 'only sections of other types', (view) => view.setUint32(table, 9, true)],
    ['bad_section_table', 'a section beyond the table', (view) => view.setUint32(table + 4, trailer, true)],
    ['bad_section_table', 'a section in the header', (view) => view.setUint32(table + 4, 0, true)],
    ['bad_trace_index', 'a count that is not there', (view) => view.setUint32(entriesEnd, 4, true)],
    ['bad_trace_index', 'an entry in the header', (view) => view.setUint32(entriesEnd + 4 + 16, 4, true)],
    ['bad_trace_index', 'an entry over the index', (view) => view.setUint32(entriesEnd + 4 + 20, entriesEnd, true)],
    ['bad_trace_index', 'an entry without header', (view) => view.setUint32(entriesEnd + 4 + 20, 27, true)],
    ['bad_trace_index', 'a trace twice', (view) => view.setUint8(entriesEnd + 4 + 15, 2)],
  ])('%s with right checksums: %s', (fault, _what, damage) => {
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    damage(view);
    const indexEnd = entriesEnd + new DataView(bytes.buffer).getUint32(table + 8, true);
    view.setUint32(table + 12, crc(copy.subarray(entriesEnd, indexEnd)), true);
    view.setUint32(trailer + 8, crc(copy.subarray(table, trailer)), true);
    expect(faultOf(() => decodeBlockIndex(copy))).toBe(fault);
  });

  const patch = (offset: number, value: number) => (entry: Uint8Array) => {
    new DataView(entry.buffer).setUint32(offset, value, true);
    return entry;
  };

  test.each<[BlockFault, string, (entry: Uint8Array) => Uint8Array]>([
    ['too_short', 'less than its header', (entry) => entry.slice(0, 27)],
    ['wrong_trace', 'another trace', (entry) => entry.fill(7, 0, 1)],
    ['bad_length', 'cut', (entry) => entry.slice(0, -1)],
    ['bad_length', 'raw length too high', patch(20, 10_000)],
    ['bad_frame', 'raw length too low', patch(20, 3)],
    ['too_large', 'raw length absurd', patch(20, 0xffffffff)],
    ['bad_frame', 'no zstd', (entry) => entry.fill(0, 28)],
    ['bad_checksum', 'another checksum', patch(24, 5)],
  ])('entry: %s: %s', (fault, _what, damage) => {
    const { traceId, offset, length } = entries[1]!;
    const damaged = damage(bytes.slice(offset, offset + length));
    expect(faultOf(() => decodeBlockEntry(damaged, traceId))).toBe(fault);
  });

  const entriesEnd = entries.at(-1)!.offset + entries.at(-1)!.length;

  test('every single flipped bit is found, unless it means nothing to zstd', () => {
    const whole = decodeAll(bytes);
    const frames = entries.map(({ offset, length }) => ({ start: offset + 28, end: offset + length }));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      const copy = bytes.slice();
      copy[at]! ^= 1 << (bit & 7);
      const isFound = expectFaultOr(whole, () => decodeAll(copy));
      if (!isFound) expect(frames.some(({ start, end }) => at >= start && at < end)).toBe(true);
    }
  });

  test('property: cut, doubled and overwritten blocks give a BlockError and nothing else', () => {
    const whole = decodeAll(bytes);
    const mutation = fc.tuple(fc.nat(bytes.length), fc.nat(bytes.length), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(mutation, ([start, end, insert]) => {
        const copy = Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(end)]);
        expectFaultOr(whole, () => decodeAll(copy));
      }),
      { numRuns: 2_000 },
    );
  });

  /** Whether decoding gave a BlockError. Where it did not, what it gave must be the truth. */
  function expectFaultOr(whole: Map<string, Uint8Array>, decode: () => Map<string, Uint8Array>): boolean {
    let decoded: Map<string, Uint8Array>;
    try {
      decoded = decode();
    } catch (error) {
      expect(error).toBeInstanceOf(BlockError);
      return true;
    }
    expect(decoded).toEqual(whole);
    return false;
  }
});

/** CRC-32 (IEEE), bit by bit: what the format document says, not what the code under test calls. */
function crc(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return ~remainder >>> 0;
}
