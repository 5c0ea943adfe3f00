/** What is put together of the facts about a trace; the facts themselves have tests of their own. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../model/histogram.ts';
import { percentileRanks } from '../../model/percentile-rank.ts';
import type { Span } from '../../model/span.ts';
import { toTimeline } from '../../model/timeline.ts';
import { arbitraryTrace, MINUTE_US, opened, testSpan } from './faulty-trace.ts';

const START_US = 1_790_000_000_000_000;
const none = () => null;

function ran(
  id: string,
  parent: string | null,
  fromUs: number,
  toUs: number,
  part: Partial<Span> = {},
  clock?: string,
) {
  const times = { startUs: START_US + fromUs, durationUs: toUs - fromUs };
  return testSpan(id, parent, { ...times, ...part, ...(clock === undefined ? {} : { clock }) });
}

describe('toTimeline', () => {
  it('works when there are no spans', () => {
    expect(toTimeline([], none)).toEqual({
      startUs: 0,
      durationUs: 0,
      headless: false,
      duplicates: 0,
      operations: [],
      clocks: [],
      rows: [],
      criticalPath: [],
      errorChain: [],
      gaps: [],
      concurrency: [],
      hops: [],
    });
  });

  it('has every span on the root clock, with what its own clock said', () => {
    const spans = [
      ran('root', null, 0, 100_000),
      ran('call', 'root', 20_000, 60_000, { kind: 'client' }),
      // Two minutes ahead.
      ran('serve', 'call', 120_000_030, 120_000_030 + 20_000, { kind: 'server', name: 'GET /stock' }, 'stock'),
      opened(ran('open', 'serve', 120_010_000, 0, {}, 'stock')),
      ran('send', 'root', 70_000, 70_010, { kind: 'producer' }),
      ran('job', 'send', 500_000, 500_100, { kind: 'consumer', status: { code: 'error' } }, 'jobs'),
      ran('lost-child', 'gone', 90_000, 95_000),
    ];
    const slow = new Histogram();
    for (const us of [10, 100, 20_000, 3_000_000]) slow.record(us);
    const asked: string[] = [];
    const timeline = toTimeline(
      spans,
      ({ service, name, kind }) => {
        asked.push(`${service} ${kind} ${name}`);
        return service === 'stock' && name === 'GET /stock' ? slow : new Histogram();
      },
      [...spans, spans[1]!, opened(spans[1]!)],
    );
    const named = timeline.rows.map((row) => timeline.operations[row.operation]!.name);
    expect(named).toEqual(['root', 'call', 'GET /stock', 'open', 'send', 'job', 'missing span', 'lost-child']);
    expect(asked.length).toBe(8);
    const { offsetUs, minUs, maxUs } = timeline.clocks[1]!;
    expect(timeline.clocks[1]).toMatchObject({ service: 'stock', instance: '', reference: 0 });
    // 20 ms to spare around the server, and a tick on both sides.
    expect([minUs, maxUs]).toEqual([-120_000_030 + 20_000 - 1_000, -120_000_030 + 40_000 + 1_000]);
    expect(offsetUs).toBeGreaterThanOrEqual(minUs!);
    expect(offsetUs).toBeLessThanOrEqual(maxUs!);
    expect(timeline.clocks[2]).toMatchObject({ service: 'jobs', offsetUs: 0, maxUs: null, uncertaintyUs: null });
    expect(timeline).toMatchObject({ startUs: START_US, durationUs: 500_100, headless: false, duplicates: 2 });
    expect(timeline.rows[2]).toEqual({
      spanId: 'serve',
      operation: 2,
      parent: 1,
      depth: 2,
      startUs: START_US + 120_000_030,
      offsetUs: 120_000_030 + offsetUs,
      durationUs: 20_000,
      clock: 1,
      selfUs: 120_010_000 - 120_000_030,
      criticalUs: timeline.rows[2]!.criticalUs,
      percentile: 62.5,
    });
    expect(timeline.operations[2]!.statistics!.spans).toBe(4);
    expect(timeline.operations[0]!.statistics).toBeUndefined();
    expect(timeline.rows[3]).toMatchObject({ state: 'open' });
    expect(timeline.rows[3]!.durationUs).toBeUndefined();
    expect(timeline.rows[1]).toMatchObject({ versions: 3 });
    expect(timeline.rows[6]).toEqual({
      spanId: 'gone',
      operation: 6,
      parent: 0,
      depth: 1,
      offsetUs: 90_000,
      durationUs: 5_000,
      selfUs: 0,
      synthetic: true,
    });
    expect(timeline.errorChain).toEqual([5, 4, 0]);
    expect(timeline.hops).toEqual([{ client: 1, servers: [2], networkUs: 20_000 }]);
    expect(timeline.gaps[0]).toEqual({ row: 0, offsetUs: 0, durationUs: 20_000 });
    expect(JSON.parse(JSON.stringify(timeline))).toEqual(timeline);
  });

  it('is whole in itself, whatever was lost, doubled, skewed or made a cycle', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true, cyclic: true }), ({ received }) => {
        const { rows, criticalPath, concurrency, clocks, durationUs, startUs } = toTimeline(received, none);
        const ids = new Set(received.map(({ spanId }) => spanId));
        expect(new Set(rows.filter(({ synthetic }) => !synthetic).map(({ spanId }) => spanId))).toEqual(ids);
        expect(rows.length === 0 ? 0 : Math.min(...rows.map(({ offsetUs }) => offsetUs))).toBe(0);
        for (const [row, { parent, depth, clock, startUs: recordedUs, ...rest }] of rows.entries()) {
          expect(parent).toBeLessThan(row);
          expect(depth).toBe(parent < 0 ? 0 : rows[parent]!.depth + 1);
          if (clock !== undefined) expect(startUs + rest.offsetUs).toBe(recordedUs! + clocks[clock]!.offsetUs);
          expect(rest.offsetUs + (rest.durationUs ?? 0)).toBeLessThanOrEqual(durationUs);
        }
        for (const [i, { offsetUs, durationUs: us }] of criticalPath.entries()) {
          if (i > 0) expect(offsetUs).toBe(criticalPath[i - 1]!.offsetUs + criticalPath[i - 1]!.durationUs);
          expect(us).toBeGreaterThan(0);
        }
        const path = criticalPath.reduce((sum, segment) => sum + segment.durationUs, 0);
        expect(path).toBe(rows.reduce((sum, { criticalUs }) => sum + (criticalUs ?? 0), 0));
        if (rows[0]?.durationUs !== undefined) expect(path).toBe(rows[0].durationUs);
        expect(concurrency.at(-1)?.spans ?? 0).toBe(0);
        expect(Math.abs(Math.max(0, ...clocks.map((clock) => Math.abs(clock.offsetUs))))).toBeLessThan(5 * MINUTE_US);
      }),
      { numRuns: 500 },
    );
  });

  it('takes 32,000 spans, 10,000 deep', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => ran(`c${i}`, i === 0 ? null : `c${i - 1}`, i, 100_000 - i));
    const wide = Array.from({ length: 22_000 }, (_, i) => ran(`w${i}`, 'c9999', 20_000 + i, 20_001 + i));
    const { rows, criticalPath } = toTimeline([...chain, ...wide], none);
    expect(rows.length).toBe(32_000);
    expect(rows.at(-1)!.depth).toBe(10_000);
    expect(criticalPath.length).toBeGreaterThan(20_000);
  });
});

describe('percentileRanks', () => {
  it('is the share that is shorter, and half of the bucket, as counting has it', () => {
    const durations = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(durations, fc.integer({ min: 0, max: 6_000 }), fc.integer({ min: -5, max: 3 }), (all, us, scale) => {
        const histogram = new Histogram();
        for (const each of all) histogram.record(each);
        histogram.coarsen(scale);
        const one = new Histogram();
        one.record(us);
        one.coarsen(scale);
        const [bucket] = [...one.buckets()];
        const isWithin = (each: number) =>
          us === 0 ? each === 0 : each > bucket!.lowUs && each <= bucket!.highUs && each > 0;
        const shorter = all.filter((each) => !isWithin(each) && each < us).length;
        const expected = (100 * (shorter + all.filter(isWithin).length / 2)) / all.length;
        expect(Math.abs(percentileRanks(histogram)(us) - expected)).toBeLessThan(0.051);
      }),
      { numRuns: 1_000 },
    );
  });
});
