import { describe, expect, it } from 'vitest';
import { type PackedMinute, Statistics } from '../../durable-objects/statistics.ts';
import {
  MAX_MINUTE_EDGES,
  MAX_MINUTE_OPERATIONS,
  MAX_OPEN_BUCKETS,
  MAX_OPERATIONS_PER_SERVICE,
  MAX_STATISTICS_BYTES,
  MAX_STATISTICS_ROW_BYTES,
  MAX_UNWRITTEN_STATISTICS_BYTES,
} from '../../model/limits.ts';
import { mergeMinutes } from '../../model/statistics-merge.ts';
import { OTHER } from '../../model/statistics-row.ts';
import { seededRandom } from '../kit/random.ts';
import { OperationIds, type ViewSpan, viewOf } from '../kit/trace-view.ts';

const MINUTE_MS = 60_000;
const NOW_MS = 29_833_333 * MINUTE_MS;

const spanOf = (part: Partial<ViewSpan>): ViewSpan => ({
  service: 'shop',
  name: 'GET /',
  kind: 2,
  startUs: NOW_MS * 1000,
  endUs: NOW_MS * 1000 + 1000,
  parent: -1,
  isError: false,
  weight: 1,
  isMeasured: false,
  ...part,
});

/** Adds them as traces of a hundred spans. */
function addAll(statistics: Statistics, spans: readonly ViewSpan[], ids: OperationIds, nowMs = NOW_MS): void {
  for (let at = 0; at < spans.length; at += 100) statistics.add(viewOf(spans.slice(at, at + 100), ids), nowMs);
}

const rowsOf = (statistics: Statistics) => statistics.read(0, Number.POSITIVE_INFINITY).map(({ bytes }) => bytes);

describe('a row of 500 operations and 250 edges', () => {
  it('is well below 100 KB', () => {
    const random = seededRandom(1);
    const statistics = new Statistics();
    const spans: ViewSpan[] = [];
    for (let i = 0; i < 100_000; i++) {
      // Log-normal within an operation, as latencies are: half of them within a factor of two.
      const spread = random() + random() + random() + random() - 2;
      const operation = i % 500;
      spans.push(
        spanOf({
          service: `service-${operation % 25}`,
          name: `GET /api/v1/resource-${operation}`,
          kind: i % 2 === 0 ? 3 : 2,
          endUs: NOW_MS * 1000 + Math.floor(500 * (1 + (operation % 40)) * 2 ** (2 * spread)),
          parent: i % 2 === 0 ? -1 : (i - 1) % 100,
          isError: i % 50 === 0,
        }),
      );
    }
    addAll(statistics, spans, new OperationIds());
    const [bytes] = rowsOf(statistics);
    const { operations, edges } = mergeMinutes([bytes!]);
    expect([operations.length, edges.length]).toEqual([500, 250]);
    expect(bytes!.length).toBeLessThan(70_000);
  });
});

describe('what is beyond the limits', () => {
  it('is counted in the `other` of its service beyond 2,000 operations, the same after a restart', () => {
    const ids = new OperationIds();
    const names = Array.from({ length: MAX_OPERATIONS_PER_SERVICE + 50 }, (_, i) => `GET /${i}`);
    const once = names.map((name) => spanOf({ name }));
    const twice = names.map((name) => spanOf({ name, isError: true }));
    const statistics = new Statistics();
    addAll(statistics, [...once, spanOf({ service: 'cart' })], ids);
    const restarted = Statistics.restore(statistics.encodeState());
    addAll(statistics, twice, ids);
    addAll(restarted, twice, new OperationIds(5000));

    const { operations } = mergeMinutes(rowsOf(statistics));
    const shop = operations.filter(({ service }) => service === 'shop');
    expect(shop.length).toBe(MAX_OPERATIONS_PER_SERVICE + 1);
    for (const { operation, spans, errors } of shop) {
      const each = operation === OTHER ? 50 : 1;
      expect([operation, spans, errors.estimate]).toEqual([operation, 2 * each, each]);
    }
    expect(operations.find(({ service }) => service === 'cart')!.spans).toBe(1);
    expect(statistics.counters).toMatchObject({ measuredSpans: 2 * names.length + 1, otherSpans: 100 });
    expect(rowsOf(restarted)).toEqual(rowsOf(statistics));
    expect(restarted.counters).toEqual(statistics.counters);
  });

  it('is counted in `other` too when it comes late to a minute that is full', () => {
    const ids = new OperationIds();
    const statistics = new Statistics();
    const names = Array.from({ length: MAX_OPERATIONS_PER_SERVICE }, (_, i) => `GET /${i}`);
    addAll(
      statistics,
      names.map((name) => spanOf({ name })),
      ids,
    );
    const late = [spanOf({ name: 'late' }), spanOf({ service: 'cart', parent: 0 }), spanOf({ name: 'GET /7' })];
    statistics.add(viewOf(late, ids), NOW_MS + 10 * MINUTE_MS);
    const [before] = rowsOf(statistics);
    statistics.add(viewOf([spanOf({ startUs: (NOW_MS + 20 * MINUTE_MS) * 1000 })], ids), NOW_MS + 20 * MINUTE_MS);
    const [after] = rowsOf(statistics);
    expect(after).toEqual(before);
    expect(statistics.counters).toMatchObject({ otherSpans: 1, otherEdges: 1 });
    const { operations, edges } = mergeMinutes([after!]);
    expect(operations.find(({ service, operation }) => service === 'shop' && operation === OTHER)!.spans).toBe(1);
    expect(operations.find(({ operation }) => operation === 'GET /7')!.spans).toBe(2);
    expect(edges.map(({ parentOperation, childService }) => [parentOperation, childService])).toEqual([
      [OTHER, 'cart'],
    ]);
  });

  it('is counted in some `other` whatever there is too much of, and no row is too large', () => {
    const ids = new OperationIds();
    const statistics = new Statistics();
    const spans: ViewSpan[] = [];
    // Services, operations, kinds, edges and durations without end, in names of all lengths, weighted.
    for (let i = 0; i < 120_000; i++) {
      const duration = Math.floor(2 ** ((i * 0.618) % 40));
      spans.push(
        spanOf({
          service: `service ${i % 1500}`,
          name: `${i % 30_011} ${'x'.repeat(i % 97 === 0 ? 400 : 4)}`,
          kind: i % 6,
          endUs: NOW_MS * 1000 + duration,
          parent: i % 100 === 0 ? -1 : (i % 100) - 1,
          isError: i % 2 === 0,
          weight: 1 + ((i * 0.377) % 9),
        }),
      );
    }
    addAll(statistics, spans, ids);
    const [bytes] = rowsOf(statistics);
    expect(bytes!.length).toBeLessThan(MAX_STATISTICS_ROW_BYTES);
    const { operations, edges } = mergeMinutes([bytes!]);
    const sum = (cells: readonly { readonly spans: number }[]) => cells.reduce((total, { spans }) => total + spans, 0);
    expect(sum(operations)).toBe(spans.length);
    expect(sum(edges)).toBe(spans.length - spans.length / 100);
    expect(operations.length).toBeLessThanOrEqual(MAX_MINUTE_OPERATIONS + 1_006);
    expect(edges.length).toBeLessThanOrEqual(MAX_MINUTE_EDGES + 1_001);
    expect(statistics.counters.otherSpans).toBeGreaterThan(10_000);
    expect(statistics.counters.otherEdges).toBeGreaterThan(10_000);
    const names = ({ service, operation }: { service: string; operation: string }) => `${service} ${operation}`;
    expect(operations.map(names)).toContain(`${OTHER} ${OTHER}`);

    const restarted = Statistics.restore(statistics.encodeState());
    addAll(statistics, spans.slice(0, 20_000), ids);
    addAll(restarted, spans.slice(0, 20_000), new OperationIds(50_000));
    expect(rowsOf(restarted)).toEqual(rowsOf(statistics));
  });

  it('of buckets costs a minute resolution, not spans', () => {
    const ids = new OperationIds();
    const statistics = new Statistics();
    const spans: ViewSpan[] = [];
    for (let operation = 0; operation < 1000; operation++) {
      for (let eighth = 0; eighth < 160; eighth++) {
        const endUs = NOW_MS * 1000 + Math.floor(2 ** (8 + eighth / 8));
        spans.push(spanOf({ name: `GET /${operation}`, endUs, weight: 1.5 }));
      }
    }
    addAll(statistics, spans, ids);
    const [bytes] = rowsOf(statistics);
    expect(bytes!.length).toBeLessThan(MAX_STATISTICS_ROW_BYTES);
    for (const { durations, count } of mergeMinutes([bytes!]).operations) {
      expect(durations.scale).toBeLessThan(3);
      expect(count.estimate).toBe(160 * 1.5);
      // The median is the 80th of 160 durations.
      const { lowUs, highUs } = durations.quantile(0.5)!;
      expect(lowUs).toBeLessThan(Math.floor(2 ** (8 + 79 / 8)));
      expect(highUs).toBeGreaterThanOrEqual(Math.floor(2 ** (8 + 79 / 8)));
    }
  });

  it('of buckets in all open minutes packs them early, which changes nothing', () => {
    const ids = new OperationIds();
    const together = new Statistics();
    const apart: Uint8Array[] = [];
    for (let minute = 0; minute <= 5; minute++) {
      const startUs = (NOW_MS + minute * MINUTE_MS) * 1000;
      const spans: ViewSpan[] = [];
      for (let i = 0; i < 75_000; i++) {
        const endUs = startUs + Math.floor(2 ** (8 + (i % 75) / 8));
        spans.push(spanOf({ name: `GET /${Math.floor(i / 75)}`, startUs, endUs }));
      }
      // The last spans come when the minute has been packed.
      const alone = new Statistics();
      addAll(alone, [...spans, spans[0]!], ids);
      apart.push(...rowsOf(alone));
      addAll(together, spans, ids);
    }
    for (let minute = 0; minute <= 5; minute++) {
      const startUs = (NOW_MS + minute * MINUTE_MS) * 1000;
      together.add(viewOf([spanOf({ name: 'GET /0', startUs, endUs: startUs + 256 })], ids), NOW_MS);
    }
    expect(6 * 75_000).toBeGreaterThan(MAX_OPEN_BUCKETS);
    expect(rowsOf(together)).toEqual(apart);
  });

  it('of bytes in old minutes takes the oldest, which were taken or wait to be', () => {
    const ids = new OperationIds();
    const statistics = new Statistics();
    const names = Array.from({ length: 2000 }, (_, i) => `GET /${'long-name/'.repeat(11)}${i}`);
    let given = 0;
    const minutes = 60;
    for (let minute = 0; minute < minutes; minute++) {
      const nowMs = NOW_MS + minute * MINUTE_MS;
      const spans = names.flatMap((name) =>
        Array.from({ length: 8 }, (_, i) =>
          spanOf({ name, startUs: nowMs * 1000, endUs: nowMs * 1000 + 8 ** i, weight: 1000 / 3 }),
        ),
      );
      addAll(statistics, spans, ids, nowMs);
      given += spans.length;
    }
    const held = rowsOf(statistics).length;
    expect(statistics.encodeState().length).toBeGreaterThan(MAX_STATISTICS_BYTES);
    const rows = statistics.takeDirty();
    expect(rows.length).toBe(minutes);
    expect(held).toBe(minutes);
    const bytes = (some: readonly Uint8Array[]) => some.reduce((sum, { length }) => sum + length, 0);
    const left = rowsOf(statistics);
    expect(left.length).toBeLessThan(minutes);
    expect(bytes(left)).toBeLessThan(MAX_STATISTICS_BYTES + 4 * left[0]!.length);
    expect(mergeMinutes(rows.map((row) => row.bytes)).operations.reduce((sum, { spans }) => sum + spans, 0)).toBe(
      given,
    );

    // A late span of a minute that was given up is counted now.
    statistics.add(viewOf([spanOf({})], ids), NOW_MS + (minutes - 1) * MINUTE_MS);
    expect(statistics.counters.clampedSpans).toBe(1);
    expect(statistics.takeDirty().map(({ minuteMs }) => minuteMs)).toEqual([NOW_MS + (minutes - 1) * MINUTE_MS]);
  });

  it('of rows that cannot be written costs the oldest of them, which are counted', () => {
    const ids = new OperationIds();
    let statistics = new Statistics();
    const names = Array.from({ length: 2000 }, (_, i) => `GET /${'long-name/'.repeat(11)}${i}`);
    const minutes = 150;
    let failed: readonly PackedMinute[] = [];
    for (let minute = 0; minute < minutes; minute++) {
      const nowMs = NOW_MS + minute * MINUTE_MS;
      addAll(
        statistics,
        names.map((name) => spanOf({ name, startUs: nowMs * 1000 })),
        ids,
        nowMs,
      );
      if (minute % 40 === 0) statistics = Statistics.restore(statistics.encodeState());
      // As storing does while the store is away.
      failed = statistics.takeDirty();
      for (const row of failed) statistics.putBack(row);
    }
    const { lostMinutes } = statistics.counters;
    expect(lostMinutes).toBeGreaterThan(0);
    expect(failed.length + lostMinutes).toBe(minutes);
    const rows = statistics.takeDirty();
    // The newest are there, and are written when the store is back.
    expect(rows.map(({ minuteMs }) => minuteMs)).toEqual(
      Array.from({ length: minutes - lostMinutes }, (_, i) => NOW_MS + (lostMinutes + i) * MINUTE_MS),
    );
    const bytes = rows.reduce((sum, row) => sum + row.bytes.length, 0);
    expect(bytes).toBeLessThan(MAX_UNWRITTEN_STATISTICS_BYTES + MAX_STATISTICS_BYTES);
    expect(Statistics.restore(statistics.encodeState()).counters).toEqual(statistics.counters);
    statistics.add(viewOf([spanOf({})], ids), NOW_MS + minutes * MINUTE_MS);
    expect(statistics.counters.lostMinutes).toBe(lostMinutes);
  });
});
