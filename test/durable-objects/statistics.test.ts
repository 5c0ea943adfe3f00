import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PackedMinute, Statistics } from '../../durable-objects/statistics.ts';
import { Histogram, roundWeight } from '../../model/histogram.ts';
import { formatHex, parseHex } from '../../model/ids.ts';
import { SPAN_KINDS } from '../../model/span.ts';
import { mergeMinutes } from '../../model/statistics-merge.ts';
import { decodeMinute } from '../../model/statistics-row.ts';
import { StatisticsRowError } from '../../model/statistics-row-error.ts';
import { OperationIds, type ViewSpan, viewOf } from '../kit/trace-view.ts';

const MINUTE_MS = 60_000;
/** A full minute. */
const NOW_MS = 29_833_333 * MINUTE_MS;
/** Between one decision of the traces and the next; some minutes get packed meanwhile. */
const STEP_MS = 110_000;
const STEPS = 4;

/** A span, with the decision it is there for and the one it has ended for: decisions are numbered from 0. */
interface StorySpan extends Omit<ViewSpan, 'isMeasured'> {
  readonly comesAt: number;
  readonly endsAt: number;
}
type Story = readonly (readonly StorySpan[])[];

const arbitrarySpan = (weights: fc.Arbitrary<number>): fc.Arbitrary<StorySpan> =>
  fc
    .record({
      service: fc.constantFrom('shop', 'cart', 'pay', 'other'),
      name: fc.constantFrom('GET /', 'query', 'other'),
      kind: fc.integer({ min: 0, max: 5 }),
      offsetUs: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: -2e8, max: 1e8 }) },
        { weight: 1, arbitrary: fc.integer({ min: -5e9, max: 5e9 }) },
      ),
      durationUs: fc.oneof(fc.constant(0), fc.nat(3000), fc.nat(1e9)),
      parent: fc.integer({ min: -1, max: 7 }),
      isError: fc.boolean(),
      weight: weights,
      comesAt: fc.nat(STEPS),
      endsAt: fc.nat(STEPS),
    })
    .map(({ offsetUs, durationUs, ...span }) => {
      const startUs = NOW_MS * 1000 + offsetUs;
      return { ...span, startUs, endUs: startUs + durationUs };
    });

const storyOf = (weights: fc.Arbitrary<number>): fc.Arbitrary<Story> =>
  fc.array(fc.array(arbitrarySpan(weights), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 });
const unweighted = storyOf(fc.constant(1));
const weighted = storyOf(fc.oneof(fc.constant(1), fc.constantFrom(2, 10 / 3, 1000)));

const measuredAt = (span: StorySpan) => Math.max(span.comesAt, span.endsAt);

/** What the shard shows of a trace at one decision. */
function viewAt(trace: readonly StorySpan[], step: number, ids: OperationIds) {
  const there = trace.filter(({ comesAt }) => comesAt <= step);
  if (there.length === 0) return null;
  const spans = there.map((span) => ({
    ...span,
    endUs: span.endsAt <= step ? span.endUs : 0,
    parent: trace[span.parent] ? there.indexOf(trace[span.parent]!) : -1,
    isMeasured: measuredAt(span) < step,
  }));
  return viewOf(spans, ids);
}

/** Adds all traces of all decisions; `between` may take the statistics' place after each trace. */
function tell(
  story: Story,
  between: (statistics: Statistics, turn: number) => Statistics | undefined = () => undefined,
): Statistics {
  let statistics = new Statistics();
  let ids = new OperationIds();
  let turn = 0;
  for (let step = 0; step < STEPS; step++) {
    for (const trace of story) {
      const view = viewAt(trace, step, ids);
      if (view) statistics.add(view, NOW_MS + step * STEP_MS);
      const successor = between(statistics, turn++);
      if (!successor) continue;
      statistics = successor;
      // Another life of the shard gives operations other ids.
      ids = new OperationIds(1000 * turn);
    }
  }
  return statistics;
}

interface Count {
  spans: number;
  count: number;
  errors: number;
  sumUs: number;
  durations: Histogram;
  client: Histogram;
}

/** The same by counting one span after the other into maps. */
function bruteForce(story: Story): Map<string, Count> {
  const counts = new Map<string, Count>();
  const countOf = (...key: (string | number)[]) => {
    const name = JSON.stringify(key);
    const fresh = { spans: 0, count: 0, errors: 0, sumUs: 0, durations: new Histogram(), client: new Histogram() };
    const count = counts.get(name) ?? fresh;
    counts.set(name, count);
    return count;
  };
  const minuteOf = (span: StorySpan, step: number) => {
    const now = Math.floor((NOW_MS + step * STEP_MS) / MINUTE_MS);
    const minute = Math.floor(span.startUs / 1000 / MINUTE_MS);
    return minute < now - 60 || minute > now + 5 ? now : minute;
  };
  const add = (count: Count, span: StorySpan) => {
    const weight = roundWeight(span.weight);
    count.spans++;
    count.count += weight;
    if (span.isError) count.errors += weight;
    count.sumUs += Math.round((span.endUs - span.startUs) * weight);
    count.durations.record(span.endUs - span.startUs, weight);
  };
  for (const trace of story) {
    for (const span of trace) {
      if (measuredAt(span) >= STEPS) continue;
      const minute = minuteOf(span, measuredAt(span));
      add(countOf(minute, span.service, span.name, SPAN_KINDS[span.kind]!), span);
      const parent = trace[span.parent];
      if (!parent || parent.service === span.service || measuredAt(parent) >= STEPS) continue;
      const step = Math.max(measuredAt(span), measuredAt(parent));
      const edge = countOf(minuteOf(span, step), parent.service, parent.name, span.service, span.name);
      add(edge, span);
      if (parent.kind === 3) edge.client.record(parent.endUs - parent.startUs, roundWeight(span.weight));
    }
  }
  return counts;
}

/** What rows say in the brute force's words. */
function counted(rows: readonly PackedMinute[]): Map<string, Count> {
  const counts = new Map<string, Count>();
  for (const { minuteMs, bytes } of rows) {
    const minute = minuteMs / MINUTE_MS;
    const { operations, edges } = mergeMinutes([bytes]);
    for (const { service, operation, kind, count, errors, spans, sumUs, durations } of operations) {
      const key = JSON.stringify([minute, service, operation, kind]);
      const client = new Histogram();
      counts.set(key, { spans, count: count.estimate, errors: errors.estimate, sumUs, durations, client });
    }
    for (const edge of edges) {
      const { parentService, parentOperation, childService, childOperation } = edge;
      const key = JSON.stringify([minute, parentService, parentOperation, childService, childOperation]);
      const { spans, count, errors, sumUs, durations, client } = edge;
      counts.set(key, { spans, count: count.estimate, errors: errors.estimate, sumUs, durations, client });
    }
  }
  return counts;
}

const plain = (counts: ReadonlyMap<string, Count>) =>
  Object.fromEntries(
    [...counts].map(([key, count]) => [
      key,
      { ...count, durations: [...count.durations.slots()], client: [...count.client.slots()] },
    ]),
  );

/** Rows as text, so that a difference is short to print. */
const asText = (rows: readonly PackedMinute[]) => rows.map(({ minuteMs, bytes }) => `${minuteMs} ${formatHex(bytes)}`);

/**
 * As version 1 wrote it: a packed minute with a late span beside it, and an open minute with an edge. Never to be changed.
 */
const STATE_V1 =
  '5452535301fff09c0ebef09c0e04000000000002f5f09c0e07215452533101f5f09c0e010473686f700105474554202f010002e807000251010100345452533101f5f09c0e010473686f700105474554202f010012010000000000000e400000000000000000c4130003510180800a00fff09c0e05475452533101fff09c0e020463617274010a504f5354202f636172740473686f700105474554202f020002e80700025101010102e807000251010101010000e8070002510101000000';
/** The same, with two minutes that were lost. */
const STATE_V2 = STATE_V1.replace('5452535301fff09c0ebef09c0e040000000000', '5452535302fff09c0ebef09c0e04000000000002');
const ROWS_OF_STATE_V1 = [
  [0, '5452533101f5f09c0e010473686f700105474554202f010012020000000000000e400000000000000000ac1b0003510180800e00'],
  [
    600_000,
    '5452533101fff09c0e020463617274010a504f5354202f636172740473686f700105474554202f020002e80700025101010102e807000251010101010000e80700025101010000',
  ],
];

/** Spans of one trace that need nothing but a name. */
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

describe('statistics', () => {
  it('are nothing when nothing was added', () => {
    const statistics = new Statistics();
    expect(statistics.takeDirty()).toEqual([]);
    expect(statistics.read(0, Number.POSITIVE_INFINITY)).toEqual([]);
    expect(Statistics.restore(statistics.encodeState()).takeDirty()).toEqual([]);
  });

  it('are the brute-force count, whenever spans come, end and are decided', () => {
    fc.assert(
      fc.property(unweighted, (story) => {
        const rows = tell(story).takeDirty();
        expect(plain(counted(rows))).toEqual(plain(bruteForce(story)));
        for (const { bytes } of rows) {
          for (const { count, errors, spans } of mergeMinutes([bytes]).operations) {
            expect(count).toEqual({ estimate: spans, low: spans, high: spans });
            expect(errors.high).toBe(errors.low);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are the brute-force sum of weights where the head sampled', () => {
    fc.assert(
      fc.property(weighted, (story) => {
        expect(plain(counted(tell(story).takeDirty()))).toEqual(plain(bruteForce(story)));
      }),
      { numRuns: 200 },
    );
  });

  it('are the same bytes after any number of restarts from its state, and however often they are read', () => {
    const whatHappens = fc.array(fc.constantFrom('nothing', 'nothing', 'restart', 'read'), {
      minLength: 48,
      maxLength: 48,
    });
    fc.assert(
      fc.property(weighted, whatHappens, (story, events) => {
        const undisturbed = tell(story);
        const disturbed = tell(story, (statistics, turn) => {
          if (events[turn] === 'restart') return Statistics.restore(statistics.encodeState());
          if (events[turn] === 'read') statistics.read(0, Number.POSITIVE_INFINITY);
          return undefined;
        });
        expect(asText(disturbed.takeDirty())).toEqual(asText(undisturbed.takeDirty()));
        expect(disturbed.counters).toEqual(undisturbed.counters);
      }),
      { numRuns: 150 },
    );
  });

  it('give what changed, and the last row of each minute is the right one', () => {
    fc.assert(
      fc.property(weighted, fc.array(fc.boolean(), { minLength: 48, maxLength: 48 }), (story, takes) => {
        const stored = new Map<number, PackedMinute>();
        const store = (rows: readonly PackedMinute[]) => {
          for (const row of rows) stored.set(row.minuteMs, row);
        };
        const statistics = tell(story, (current, turn) => {
          if (takes[turn]) store(current.takeDirty());
          return undefined;
        });
        store(statistics.takeDirty());
        expect(statistics.takeDirty()).toEqual([]);
        const rows = [...stored.values()].sort((a, b) => a.minuteMs - b.minuteMs);
        expect(asText(rows)).toEqual(asText(tell(story).takeDirty()));
      }),
      { numRuns: 150 },
    );
  });

  it('take back a row that could not be written', () => {
    const statistics = new Statistics();
    const ids = new OperationIds();
    statistics.add(viewOf([spanOf({})], ids), NOW_MS);
    const [row] = statistics.takeDirty();
    statistics.putBack(row!);
    expect(asText(statistics.takeDirty())).toEqual(asText([row!]));
    // Also when the minute was given up meanwhile.
    statistics.add(viewOf([spanOf({ startUs: (NOW_MS + 70 * MINUTE_MS) * 1000 })], ids), NOW_MS + 70 * MINUTE_MS);
    statistics.takeDirty();
    statistics.putBack(row!);
    expect(asText(Statistics.restore(statistics.encodeState()).takeDirty())).toEqual(asText([row!]));
  });

  it('take only minutes that began before a time', () => {
    const statistics = new Statistics();
    const ids = new OperationIds();
    for (const minute of [-1, 0, 1]) {
      statistics.add(viewOf([spanOf({ startUs: (NOW_MS + minute * MINUTE_MS) * 1000 })], ids), NOW_MS);
    }
    const minutes = (rows: readonly PackedMinute[]) => rows.map(({ minuteMs }) => (minuteMs - NOW_MS) / MINUTE_MS);
    expect(minutes(statistics.takeDirty(NOW_MS))).toEqual([-1]);
    expect(minutes(statistics.read(NOW_MS - MINUTE_MS, NOW_MS + MINUTE_MS))).toEqual([-1, 0]);
    expect(minutes(statistics.takeDirty())).toEqual([0, 1]);
  });

  it('give up minutes that are too old for spans, once they were taken', () => {
    const statistics = new Statistics();
    const ids = new OperationIds();
    const addAt = (minute: number, startMinute: number) =>
      statistics.add(
        viewOf([spanOf({ startUs: (NOW_MS + startMinute * MINUTE_MS) * 1000 })], ids),
        NOW_MS + minute * MINUTE_MS,
      );
    addAt(0, 0);
    for (const minute of [30, 60]) addAt(minute, 0);
    expect(statistics.counters.clampedSpans).toBe(0);
    addAt(61, 0);
    addAt(61, 67);
    expect(statistics.counters.clampedSpans).toBe(2);
    addAt(66, 66);
    const rows = statistics.takeDirty();
    expect(
      rows.map(({ minuteMs, bytes }) => [(minuteMs - NOW_MS) / MINUTE_MS, mergeMinutes([bytes]).operations[0]!.spans]),
    ).toEqual([
      [0, 3],
      [61, 2],
      [66, 1],
    ]);
    expect(statistics.read(0, Number.POSITIVE_INFINITY).length).toBe(2);
    // A clock that goes back does not bring it back: its row would replace the whole one.
    addAt(1, 0);
    expect(statistics.takeDirty().map(({ minuteMs }) => (minuteMs - NOW_MS) / MINUTE_MS)).toEqual([66]);
  });
});

describe('an edge', () => {
  const ids = new OperationIds();
  const server = spanOf({ service: 'cart', name: 'POST /cart', parent: 0, isError: true, endUs: NOW_MS * 1000 + 800 });
  const client = spanOf({ name: 'fetch', kind: 3, endUs: NOW_MS * 1000 + 1500 });
  const edgesOf = (statistics: Statistics) =>
    mergeMinutes(statistics.takeDirty().map(({ bytes }) => bytes)).edges.map((edge) => ({
      calls: `${edge.parentService} ${edge.parentOperation} > ${edge.childService} ${edge.childOperation}`,
      count: edge.count.estimate,
      errors: edge.errors.estimate,
      server: [...edge.durations.buckets()].map(({ highUs, count }) => [highUs >= 800 && highUs < 900, count]),
      client: [...edge.client.buckets()].map(({ highUs, count }) => [highUs >= 1500 && highUs < 1640, count]),
    }));
  const expected = [
    { calls: 'shop fetch > cart POST /cart', count: 1, errors: 1, server: [[true, 1]], client: [[true, 1]] },
  ];

  it('is counted once, with both ends, when they are measured together', () => {
    const statistics = new Statistics();
    statistics.add(viewOf([client, server], ids), NOW_MS);
    statistics.add(
      viewOf(
        [
          { ...client, isMeasured: true },
          { ...server, isMeasured: true },
        ],
        ids,
      ),
      NOW_MS,
    );
    expect(edgesOf(statistics)).toEqual(expected);
  });

  it('waits for a parent that comes or ends after its child, and for a child that ends after its parent', () => {
    const late = new Statistics();
    late.add(viewOf([{ ...server, parent: -1 }], ids), NOW_MS);
    late.add(viewOf([client, { ...server, isMeasured: true }], ids), NOW_MS);
    expect(edgesOf(late)).toEqual(expected);

    const openParent = new Statistics();
    openParent.add(viewOf([{ ...client, endUs: 0 }, server], ids), NOW_MS);
    openParent.add(viewOf([client, { ...server, isMeasured: true }], ids), NOW_MS);
    expect(edgesOf(openParent)).toEqual(expected);

    const openChild = new Statistics();
    openChild.add(viewOf([client, { ...server, endUs: 0 }], ids), NOW_MS);
    openChild.add(viewOf([{ ...client, isMeasured: true }, server], ids), NOW_MS);
    expect(edgesOf(openChild)).toEqual(expected);
  });

  it('is none within a service', () => {
    const statistics = new Statistics();
    statistics.add(viewOf([client, { ...server, service: 'shop' }], ids), NOW_MS);
    expect(edgesOf(statistics)).toEqual([]);
  });
});

describe('a state', () => {
  it.each([
    [1, STATE_V1, 0],
    [2, STATE_V2, 2],
  ])('of version %i is read for ever', (_, state, lostMinutes) => {
    const restored = Statistics.restore(parseHex(state)!);
    const rows = restored.takeDirty().map(({ minuteMs, bytes }) => [minuteMs - NOW_MS, formatHex(bytes)]);
    expect(rows).toEqual(ROWS_OF_STATE_V1);
    expect(restored.counters).toMatchObject({ measuredSpans: 4, clampedSpans: 0, lostMinutes });
  });
});

describe('a damaged state', () => {
  it('is refused by name, or restored', () => {
    const story = fc.sample(weighted, { seed: 11, numRuns: 1 })[0]!;
    const bytes = tell(story).encodeState();
    let refused = 0;
    const attempt = (damaged: Uint8Array) => {
      try {
        Statistics.restore(damaged).takeDirty();
      } catch (error) {
        expect(error).toBeInstanceOf(StatisticsRowError);
        refused++;
      }
    };
    for (let at = 0; at < bytes.length; at += 3) {
      attempt(bytes.subarray(0, at));
      attempt(Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 0x15 : byte)));
    }
    expect(refused).toBeGreaterThan(bytes.length / 3);
    expect(decodeMinute(Statistics.restore(bytes).takeDirty()[0]!.bytes).cells.length).toBeGreaterThan(0);
  });
});
