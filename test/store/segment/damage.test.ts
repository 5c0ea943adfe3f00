import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../../model/query/parse-query.ts';
import { compressSection } from '../../../store/block-sections.ts';
import { buildSegment } from '../../../store/segment/build.ts';
import { DataBlockReader, unpack } from '../../../store/segment/data-block.ts';
import {
  columnsEnd,
  decodeIndex,
  decodeSegment,
  encodeSegment,
  HEADER_BYTES,
  TRAILER_BYTES,
} from '../../../store/segment/format.ts';
import { mergeSegments } from '../../../store/segment/merge.ts';
import { openSegment } from '../../../store/segment/open.ts';
import { Ordinals } from '../../../store/segment/ordinals.ts';
import { MAX_DATA_BLOCK_BYTES, type Segment } from '../../../store/segment/segment.ts';
import { SegmentError, type SegmentFault } from '../../../store/segment/segment-error.ts';
import { SEGMENT_V1_HEX, SEGMENT_V1_TRACES } from './fixtures/segment-v1.ts';
import { readerOf } from './read-range.ts';

const V1 = new Uint8Array(Buffer.from(SEGMENT_V1_HEX, 'hex'));
const LINES = ['code>=500', 'root.user=a', 'service=shop status=ok', 'duration<1ms', 'list=*', ''];

/** What some searches find, and when the found traces began. */
async function searchAll(bytes: Uint8Array): Promise<unknown[]> {
  const reader = await openSegment(readerOf(bytes).read);
  const answers: unknown[] = [];
  for (const line of LINES) {
    const found = [...(await reader.find(parseQuery(line))).iterate()];
    const starts = await reader.readStarts(0, reader.traceCount);
    answers.push([line, found.map((ordinal) => starts[ordinal])]);
  }
  const range = await reader.ordinalRange(1_700_000_000_000_001, 1_700_000_000_000_001);
  return [
    ...answers,
    range,
    await reader.readIds(0, reader.traceCount),
    await reader.readDurations(0, reader.traceCount),
  ];
}

function faultOf(decode: () => unknown): SegmentFault {
  try {
    decode();
  } catch (error) {
    if (error instanceof SegmentError) return error.fault;
    throw error;
  }
  throw new Error('nothing was wrong');
}

/** Fails for everything that is thrown and not a SegmentError; false when nothing is. */
function isRefused(decode: () => unknown): boolean {
  try {
    decode();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(SegmentError);
    return true;
  }
}

const mutationOf = (length: number) => fc.tuple(fc.nat(length), fc.nat(length), fc.uint8Array({ maxLength: 40 }));
const mutate = (bytes: Uint8Array, [start, end, insert]: [number, number, Uint8Array]) =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(end)]));

test('v1 stays readable', async () => {
  expect(await searchAll(V1)).toEqual(await searchAll(encodeSegment(buildSegment(SEGMENT_V1_TRACES))));
  expect((await searchAll(V1))[0]).toEqual(['code>=500', [1_700_000_000_000_001]]);
  expect(decodeSegment(V1).traceCount).toBe(2);
});

describe('damaged segment', () => {
  const trailer = V1.length - TRAILER_BYTES;
  const patched = (offset: number, value: number) => {
    const copy = V1.slice();
    new DataView(copy.buffer).setUint32(offset, value, true);
    return copy;
  };

  test.each<[SegmentFault, string, () => Uint8Array]>([
    ['too_short', 'nothing', () => new Uint8Array(0)],
    ['too_short', 'less than header and trailer', () => V1.slice(0, HEADER_BYTES + TRAILER_BYTES - 1)],
    ['bad_magic', 'another file', () => V1.slice().fill(7)],
    ['bad_magic', 'the end is missing', () => V1.slice(0, -1)],
    ['bad_magic', 'the beginning is missing', () => V1.slice(1)],
    ['unknown_version', 'in the header', () => patched(4, 2)],
    ['unknown_version', 'in the trailer', () => patched(trailer + 20, 2)],
    ['bad_length', 'a middle is missing', () => mutate(V1, [100, 101, new Uint8Array(0)])],
    ['too_large', 'more traces than a segment may have', () => patched(trailer, 0xffffffff)],
    ['bad_index', 'more traces than there are', () => patched(trailer, 1_000)],
    ['bad_index', 'an index elsewhere', () => patched(trailer + 4, 0xffffffff)],
    ['bad_index', 'an index of another length', () => patched(trailer + 8, 0)],
    ['bad_checksum', 'of the index', () => patched(trailer + 12, 1)],
    ['bad_checksum', 'of a column', () => patched(HEADER_BYTES, 1)],
    ['bad_checksum', 'of a data block', () => patched(columnsEnd(2), 1)],
  ])('%s: %s', (fault, _what, damage) => {
    expect(faultOf(() => decodeSegment(damage()))).toBe(fault);
  });

  test('every single flipped bit is found, and none makes a search answer what is not true', async () => {
    const truth = await searchAll(V1);
    for (let bit = 0; bit < V1.length * 8; bit++) {
      const copy = V1.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      expect(isRefused(() => decodeSegment(copy))).toBe(true);
      const answer = await searchAll(copy).catch((error: unknown) => error);
      if (!(answer instanceof SegmentError)) expect(answer).toEqual(truth);
    }
  });

  test('property: cut, doubled and overwritten segments give a SegmentError and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(mutationOf(V1.length), async (mutation) => {
        const copy = mutate(V1, mutation);
        const isSame = Buffer.compare(copy, V1) === 0;
        expect(isRefused(() => decodeSegment(copy))).toBe(!isSame);
        const answer = await searchAll(copy).catch((error: unknown) => error);
        if (!isSame && copy.length !== V1.length) expect(answer).toBeInstanceOf(SegmentError);
      }),
      { numRuns: 1_000 },
    );
  });

  test('fewer bytes than were asked for', async () => {
    const reader = await openSegment(async (range) => {
      const { bytes, size } = await readerOf(V1).read(range);
      return { bytes: 'suffix' in range ? bytes : bytes.subarray(1), size };
    });
    await expect(reader.find(parseQuery('code=200'))).rejects.toMatchObject({ fault: 'bad_length' });
    await expect(reader.readIds(0, 1)).rejects.toMatchObject({ fault: 'bad_length' });
  });
});

describe('bytes with right checksums that are wrong', () => {
  const segment = decodeSegment(V1);
  const block = unpack(segment.blocks[0]!.bytes, MAX_DATA_BLOCK_BYTES);

  test('property: a data block gives a SegmentError and nothing else', () => {
    let refused = 0;
    fc.assert(
      fc.property(mutationOf(block.length), fc.constantFrom(2, 9, 100), (mutation, traceCount) => {
        const bytes = compressSection(mutate(block, mutation));
        const damaged: Segment = { ...segment, blocks: [{ ...segment.blocks[0]!, bytes }] };
        const isFound = isRefused(() => {
          const reader = new DataBlockReader(bytes, traceCount);
          while (reader.next()) reader.addTo(new Ordinals(traceCount));
        });
        isRefused(() => mergeSegments([damaged, segment], () => true));
        if (isFound) refused++;
      }),
      { numRuns: 3_000 },
    );
    expect(refused).toBeGreaterThan(1_000);
  });

  test('property: an index gives a SegmentError and nothing else', () => {
    const offset = columnsEnd(2);
    const indexOffset = offset + segment.blocks[0]!.bytes.length;
    const section = V1.subarray(indexOffset, V1.length - TRAILER_BYTES);
    const index = unpack(section, MAX_DATA_BLOCK_BYTES);
    fc.assert(
      fc.property(mutationOf(index.length), (mutation) => {
        const bytes = compressSection(mutate(index, mutation));
        const indexChecksum = crc(bytes);
        isRefused(() => {
          const { blocks } = decodeIndex(bytes, {
            traceCount: 2,
            indexOffset,
            indexLength: bytes.length,
            indexChecksum,
          });
          for (const place of blocks) expect(place.offset + place.length).toBeLessThanOrEqual(indexOffset);
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test.each<[SegmentFault, string, Uint8Array]>([
    ['too_short', 'no length', new Uint8Array(3)],
    ['too_large', 'a length that is absurd', new Uint8Array(8).fill(0xff)],
    ['bad_frame', 'no zstd', new Uint8Array([4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4])],
    ['bad_frame', 'a frame that ends beyond', new Uint8Array([4, 0, 0, 0, 9, 0, 0, 0, 1])],
  ])('%s: %s', (fault, _what, bytes) => {
    expect(faultOf(() => new DataBlockReader(bytes, 2))).toBe(fault);
  });

  test.each<[string, readonly number[]]>([
    ['a key that shares more than there is', [1, 1, 65, 1, 0]],
    ['a key longer than the block', [0, 99, 65, 1, 0]],
    ['more traces than there are', [0, 1, 65, 21, 0]],
    ['traces that are cut off', [0, 1, 65, 2, 0]],
    ['a trace beyond the last', [0, 1, 65, 2, 19, 1]],
    ['a bitmap that is cut off', [0, 1, 65, 4, 15]],
    ['a bitmap of another count', [0, 1, 65, 4, 7, 0, 0]],
    ['a bitmap with a trace beyond the last', [0, 1, 65, 4, 7, 0, 0x80]],
    ['a number that does not end', [0, 0x80, 0x80, 0x80, 0x80, 0x80]],
  ])('bad_terms: %s', (_what, raw) => {
    const read = () => {
      const reader = new DataBlockReader(compressSection(Uint8Array.from(raw)), 20);
      while (reader.next()) reader.addTo(new Ordinals(20));
    };
    expect(faultOf(read)).toBe('bad_terms');
  });
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
