import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { newestFirst } from '../../../model/order.ts';
import type { TraceConditions } from '../../../model/query/conditions.ts';
import { buildSegment, type IndexedTrace } from '../../../store/segment/build.ts';
import { decodeSegment, encodeSegment } from '../../../store/segment/format.ts';
import { mergeSegments } from '../../../store/segment/merge.ts';
import { openSegment, type ReadRange } from '../../../store/segment/open.ts';
import type { Segment } from '../../../store/segment/segment.ts';
import { arbitraryTraces, likelyConditions, meetsConditions } from './arbitrary-traces.ts';

/** Reads of bytes as R2 answers them. */
function readerOf(bytes: Uint8Array): ReadRange {
  return async (range) => {
    const [start, end] =
      'suffix' in range
        ? [Math.max(0, bytes.length - range.suffix), bytes.length]
        : [range.offset, range.offset + range.length];
    return { bytes: bytes.slice(start, end), size: bytes.length };
  };
}

/** The ids of what is found, in order. */
async function findIn(bytes: Uint8Array, conditions: TraceConditions): Promise<string[]> {
  const reader = await openSegment(readerOf(bytes));
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
      { numRuns: 400 },
    );
    expect(found).toBeGreaterThan(2_000);
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
        const reader = await openSegment(readerOf(merged));
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
});
