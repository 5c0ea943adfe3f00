import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { newestFirst } from '../../../model/order.ts';
import type { TraceConditions } from '../../../model/query/conditions.ts';
import { parseQuery } from '../../../model/query/parse-query.ts';
import { buildSegment, type IndexedTrace } from '../../../store/segment/build.ts';
import { DataBlockReader } from '../../../store/segment/data-block.ts';
import { decodeSegment, encodeSegment } from '../../../store/segment/format.ts';
import { mergeSegments } from '../../../store/segment/merge.ts';
import { openSegment } from '../../../store/segment/open.ts';
import type { Segment } from '../../../store/segment/segment.ts';
import { MAX_ATTRIBUTE_KEY_BYTES } from '../../../store/segment/term-key.ts';
import { traceIdOf } from '../../contract/parts.ts';
import { arbitraryTraces, likelyConditions, meetsConditions } from './arbitrary-traces.ts';
import { traceOf } from './make-trace.ts';
import { readerOf } from './read-range.ts';

/** The ids of what is found, in order. */
async function findIn(bytes: Uint8Array, conditions: TraceConditions): Promise<string[]> {
  const reader = await openSegment(readerOf(bytes).read);
  const found = await reader.find(conditions);
  const ids = await reader.readIds(0, reader.traceCount);
  expect(found.count()).toBe([...found.iterate()].length);
  return [...found.iterate()].map((ordinal) => formatHex(ids, ordinal * 16, 16));
}

function expected(traces: readonly IndexedTrace[], conditions: TraceConditions): string[] {
  return traces
    .filter((trace) => meetsConditions(trace, conditions))
    .sort(newestFirst)
    .map(({ traceId }) => traceId);
}

describe('segment', () => {
  test('property: finds what the conditions mean, in the order of lists', async () => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(
        arbitraryTraces,
        fc.array(likelyConditions, { minLength: 8, maxLength: 8 }),
        async (traces, searches) => {
          const bytes = encodeSegment(buildSegment(traces));
          expect(encodeSegment(decodeSegment(bytes))).toEqual(bytes);
          for (const conditions of searches) {
            const ids = await findIn(bytes, conditions);
            expect(ids).toEqual(expected(traces, conditions));
            found += ids.length;
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(found).toBeGreaterThan(1_500);
  });

  test('property: segments merged in any grouping find what one of all traces finds, and nothing of what goes', async () => {
    const some = fc.tuple(
      arbitraryTraces,
      fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }),
      fc.nat(40),
      likelyConditions,
    );
    await fc.assert(
      fc.asyncProperty(some, async ([traces, groups, gone, conditions]) => {
        const keep = (traceId: string) => Number.parseInt(traceId.slice(-2), 16) !== gone;
        const parts = [0, 1, 2, 3].map((n) => buildSegment(traces.filter((_, i) => groups[i] === n)));
        const whole = encodeSegment(buildSegment(traces.filter(({ traceId }) => keep(traceId))));
        const [a, b, c, d] = parts as [Segment, Segment, Segment, Segment];
        const all = () => true;
        const stored = (segment: Segment) => decodeSegment(encodeSegment(segment));
        expect(encodeSegment(mergeSegments(parts, keep))).toEqual(whole);
        expect(
          encodeSegment(mergeSegments([mergeSegments([d, b], all), stored(mergeSegments([c, a], keep))], keep)),
        ).toEqual(whole);
        expect(encodeSegment(mergeSegments([mergeSegments([stored(a), b, c], all), d], keep))).toEqual(whole);
        const left = traces.filter(({ traceId }) => keep(traceId));
        expect(await findIn(whole, conditions)).toEqual(expected(left, conditions));
      }),
      { numRuns: 200 },
    );
  });

  test('property: of a trace in several segments all terms are there, and the facts of the last', async () => {
    const versions = fc.array(arbitraryTraces, { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(versions, likelyConditions, async (lists, { attributes, service, operation }) => {
        const merged = encodeSegment(mergeSegments(lists.map(buildSegment), () => true));
        const facts = new Map(lists.flat().map((trace) => [trace.traceId, trace]));
        expect(await findIn(merged, { attributes: [] })).toEqual(expected([...facts.values()], { attributes: [] }));
        const reader = await openSegment(readerOf(merged).read);
        const sorted = [...facts.values()].sort(newestFirst);
        expect([...(await reader.readStarts(0, sorted.length))]).toEqual(sorted.map(({ startUs }) => startUs));
        expect([...(await reader.readDurations(0, sorted.length))]).toEqual(sorted.map(({ durationUs }) => durationUs));
        const failed = sorted.filter(({ status }) => status === 'error').map(({ traceId }) => traceId);
        expect(await findIn(merged, { attributes: [], status: 'error' })).toEqual(failed);
        // Each condition by itself is met by what one of the versions has.
        const single: TraceConditions[] = attributes.map((attribute) => ({ attributes: [attribute] }));
        if (service !== undefined) single.push({ service, attributes: [] });
        if (operation !== undefined) single.push({ operation, attributes: [] });
        for (const conditions of single) {
          const having = new Set(lists.flatMap((list) => expected(list, conditions)));
          expect(await findIn(merged, conditions)).toEqual(
            sorted.map(({ traceId }) => traceId).filter((id) => having.has(id)),
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  test('refuses a trace that comes twice', () => {
    const traces = [traceOf({ number: 1 }), traceOf({ number: 2, startUs: 2_000 }), traceOf({ number: 1 })];
    expect(() => buildSegment(traces)).toThrow(/comes twice/);
    expect(() => buildSegment([...traces.slice(1), traceOf({ number: 1, startUs: 7_000 })])).toThrow(/comes twice/);
  });

  test('a trace that cannot be read is there, without terms', async () => {
    const broken = { ...traceOf({ number: 2 }), otlp: new Uint8Array([1]) };
    const bytes = encodeSegment(buildSegment([traceOf({ number: 1 }), broken]));
    expect(await findIn(bytes, { attributes: [] })).toHaveLength(2);
    expect(await findIn(bytes, { service: 'shop', attributes: [] })).toEqual([traceIdOf(1)]);
  });

  test('what is not UTF-8 is found as it is decoded', async () => {
    const trace = traceOf({
      name: 'name<',
      attributes: [
        ['key<', 'a'],
        ['b', 'value<'],
      ],
    });
    const broken = { ...trace, otlp: trace.otlp.map((byte) => (byte === 0x3c ? 0xff : byte)) };
    const bytes = encodeSegment(buildSegment([broken]));
    const conditions = parseQuery('operation="name\ufffd" key\ufffd=a b="value\ufffd"');
    expect(meetsConditions(broken, conditions)).toBe(true);
    expect(await findIn(bytes, conditions)).toHaveLength(1);
    expect(await findIn(bytes, parseQuery('b>value\ufffd'))).toHaveLength(0);
  });

  test('a key that no query line can name is not indexed, and is not found', async () => {
    const key = 'k'.repeat(MAX_ATTRIBUTE_KEY_BYTES);
    const bytes = encodeSegment(
      buildSegment([
        traceOf({
          attributes: [
            [key, 1],
            [`${key}k`, 2],
            ['k', 3],
          ],
        }),
      ]),
    );
    const having = (name: string) =>
      findIn(bytes, { attributes: [{ on: 'any', key: name, test: { operator: 'exists' } }] });
    expect(await having(key)).toHaveLength(1);
    expect(await having(`${key}k`)).toHaveLength(0);
    expect(await having('k')).toHaveLength(1);
  });
});

describe('a segment of many traces', () => {
  const COUNT = 5_000;
  const traces = Array.from({ length: COUNT }, (_, i) =>
    traceOf({
      number: i + 1,
      startUs: 1_000 + Math.floor(((i * 7919) % COUNT) / 3),
      durationUs: i,
      status: i % 50 === 0 ? 'error' : 'ok',
      service: i % 2 === 0 ? 'even' : 'odd',
      attributes: [
        ['id', `user-${i}`],
        ['n', i],
        ['all', 'same'],
        ['noise', noise(i, 40)],
      ],
    }),
  );
  const sorted = traces.toSorted(newestFirst);
  const parts = Array.from({ length: 10 }, (_, i) => buildSegment(traces.slice(i * 500, (i + 1) * 500)));
  const bytes = encodeSegment(mergeSegments(parts, () => true));

  test('is the same merged as built at once', () => {
    expect(Buffer.compare(encodeSegment(buildSegment(traces)), bytes)).toBe(0);
  });

  test('is the same merged with itself, and with what it has already', () => {
    const merged = mergeSegments([decodeSegment(bytes), parts[3]!, decodeSegment(bytes)], () => true);
    expect(Buffer.compare(encodeSegment(merged), bytes)).toBe(0);
  });

  test.each<[string, (trace: IndexedTrace, i: number) => boolean]>([
    ['id=user-77', (_, i) => i === 77],
    ['all=same', () => true],
    ['all=*', () => true],
    ['id=*', () => true],
    ['n>=2500', (_, i) => i >= 2_500],
    ['n<2500 service=odd', (_, i) => i < 2_500 && i % 2 === 1],
    ['n!=3', (_, i) => i !== 3],
    ['id>user-4 id<user-5', (_, i) => `${i}`.startsWith('4') && i !== 4],
    ['service=even status=error', (_, i) => i % 50 === 0],
    ['status=ok', (_, i) => i % 50 !== 0],
    ['duration>=1000us duration<=1ms', (_, i) => i === 1_000],
    ['service=odd operation="GET /" duration<100us', (_, i) => i < 100 && i % 2 === 1],
    ['service=none', () => false],
  ])('finds %s', async (line, matches) => {
    const ids = sorted.filter((trace) => matches(trace, Number.parseInt(trace.traceId.slice(2), 16) - 1));
    expect(await findIn(bytes, parseQuery(line))).toEqual(ids.map(({ traceId }) => traceId));
  });

  test('reads what a condition needs, and stops when nothing is left', async () => {
    const { read, reads } = readerOf(bytes);
    const reader = await openSegment(read);
    expect(reads).toEqual([64 * 1024]);
    const readsOf = async (line: string) => {
      reads.length = 0;
      await reader.find(parseQuery(line));
      return reads.length;
    };
    expect(await readsOf('span.id=user-77')).toBe(1);
    expect(await readsOf('id=user-77')).toBe(2);
    expect(await readsOf('service=none noise!=x duration>1s')).toBe(1);
    expect(await readsOf('duration>1s status=ok')).toBe(2);
    expect(await readsOf('')).toBe(0);
    expect(reads.every((length) => length < bytes.length / 4)).toBe(true);
  });

  test('knows which ordinals are in a range of time, and reads stretches of columns', async () => {
    const { read, reads } = readerOf(bytes);
    const reader = await openSegment(read);
    const times = sorted.map(({ startUs }) => startUs);
    for (const [startUs, endUs] of [
      [0, 1e9],
      [1_500, 1_500],
      [1_001, 2_600],
      [0, 999],
      [3_000, 4_000],
      [1_700, 1_600],
    ] as const) {
      reads.length = 0;
      const { from, to } = await reader.ordinalRange(startUs, endUs);
      expect(times.slice(from, to)).toEqual(times.filter((time) => time >= startUs && time <= endUs));
      expect(reads.length).toBeLessThanOrEqual(2);
    }
    for (const [from, to] of [
      [0, 5_000],
      [1_000, 1_100],
      [1_023, 1_025],
      [1_024, 2_048],
      [4_999, 5_000],
      [7, 7],
    ] as const) {
      const wanted = sorted.slice(from, to);
      expect([...(await reader.readStarts(from, to))]).toEqual(wanted.map(({ startUs }) => startUs));
      expect([...(await reader.readDurations(from, to))]).toEqual(wanted.map(({ durationUs }) => durationUs));
      const ids = await reader.readIds(from, to);
      expect(wanted.map((_, i) => formatHex(ids, i * 16, 16))).toEqual(wanted.map(({ traceId }) => traceId));
    }
    await expect(reader.readIds(0, 5_001)).rejects.toThrow(RangeError);
  });

  test('what goes leaves no byte of its values', () => {
    const gone = traceIdOf(78);
    const merged = mergeSegments([decodeSegment(bytes)], (traceId) => traceId !== gone);
    const keys = new Set<string>();
    for (const { bytes: block } of merged.blocks) {
      const terms = new DataBlockReader(block, merged.traceCount);
      while (terms.next()) keys.add(Buffer.from(terms.key.subarray(0, terms.keyLength)).toString('latin1'));
    }
    const has = (text: string) => [...keys].some((key) => key.endsWith(text));
    expect([merged.traceCount, has('user-76'), has('user-77'), has('user-78')]).toEqual([4_999, true, false, true]);
  });

  test('opens with a second read where the index is larger than the tail', async () => {
    const attributes = Array.from({ length: 300 }, (_, i): [string, string] => [`${noise(i, 8_000)}`, noise(-i, 200)]);
    const large = encodeSegment(buildSegment([traceOf({ attributes })]));
    const { read, reads } = readerOf(large);
    const reader = await openSegment(read);
    expect(reads).toHaveLength(2);
    const found = await reader.find({
      attributes: [{ on: 'span', key: attributes[7]![0], test: { operator: '=', value: noise(-7, 200) } }],
    });
    expect(found.count()).toBe(1);
  });
});

/** Text that no compressor makes much smaller. */
function noise(seed: number, length: number): string {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return String.fromCharCode(33 + ((state >>> 16) % 90));
  }).join('');
}
