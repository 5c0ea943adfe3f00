import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeCheckpoint, restoreCheckpoint } from '../../durable-objects/checkpoint.ts';
import { AT_LIMIT, EARLY } from '../../durable-objects/columns/trace-columns.ts';
import { Fold } from '../../durable-objects/fold.ts';
import { Gaps } from '../../durable-objects/gaps.ts';
import { LiveTraces } from '../../durable-objects/live-traces.ts';
import type { Place } from '../../durable-objects/log.ts';
import { IndexBuilder } from '../../durable-objects/log-index.ts';
import { planBlock } from '../../durable-objects/outbox.ts';
import {
  type DecideRecord,
  type EncodedRecord,
  encodeAppend,
  encodeDecisions,
  encodeJsonRecord,
  LOG_ROW_VERSION,
  readDecisionAt,
  SEAL,
  STORED,
} from '../../durable-objects/records.ts';
import { Statistics } from '../../durable-objects/statistics.ts';
import { formatWords, parseWords } from '../../durable-objects/trace-words.ts';
import { AppendFrameWriter, splitAppendFrame } from '../../model/append-frame.ts';
import { parseHex } from '../../model/ids.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import { concatBytes, SLICE_GOODBYE } from '../../model/slice-frame.ts';
import { RETENTION_CLASSES } from '../../model/span.ts';
import { spanId, traceId } from '../kit/spans.ts';

const START_MS = 1_790_000_000_000;
const IDS = Array.from({ length: 6 }, (_, i) => traceId(i + 1, i % 2 === 0));
const SERVICES = ['shop', 'pay', 'orders'];

/** All that a checkpoint is of, built by records; the rows they came in are the log. */
class State {
  statistics = new Statistics();
  readonly gaps = new Gaps();
  readonly live: LiveTraces;
  private readonly fold: Fold;
  private readonly rows: Uint8Array[];
  private readonly decided: Map<string, DecideRecord>;

  constructor(rows: Uint8Array[], decided: Map<string, DecideRecord>) {
    this.rows = rows;
    this.decided = decided;
    const readSlice = ({ row, start, end }: Place) => this.rows[row]!.subarray(start, end);
    this.live = new LiveTraces({
      seed: 7,
      nowMs: START_MS,
      readSlice,
      findDecision: (id) => this.decided.get(formatWords(id)) ?? null,
      sliceIndex: new IndexBuilder(),
      seen: (service) => service === 'pay',
    });
    this.fold = new Fold({
      live: this.live,
      readSlice,
      decided: (id, row, start, at) => this.decided.set(formatWords(id), readDecisionAt(this.rows[row]!, start, at)),
      measure: (view, atMs) => this.statistics.add(view, atMs),
      learnGap: (operation, gapMs) => this.gaps.learn(operation, gapMs),
      appended: (trace, atMs) => this.live.deadlines.set(trace, atMs),
    });
  }

  write(record: EncodedRecord): void {
    const row = concatBytes([Uint8Array.of(LOG_ROW_VERSION), ...record]);
    this.fold.applyRow(row, 1, this.rows.push(row) - 1);
  }

  encode(): Uint8Array {
    return concatBytes(encodeCheckpoint(this.live, this.gaps, this.statistics.encodeState()));
  }

  /** As after a restart. */
  restored(): State {
    const state = new State([...this.rows], new Map(this.decided));
    restoreCheckpoint(this.encode(), state.live, state.gaps, (bytes) => {
      state.statistics = Statistics.restore(bytes);
    });
    return state;
  }

  /** What anybody can see of it, in no order that rows may have by chance. */
  describe() {
    const { live, gaps } = this;
    const { traces, spans, operations } = live;
    // What was counted of one version of a span is noted with the next, each time that somebody looks.
    for (let looks = 0; looks < spans.count; looks++) live.gauges();
    const operation = (id: number) => `${operations.service(id)} ${operations.name(id)}`;
    const columns = [
      'firstMs',
      'lastMs',
      'maxGapMs',
      'bits',
      'spanCount',
      'undecidedBytes',
      'sliceStart',
      'sliceEnd',
      'decidedEnd',
      'sealedEnd',
      'storedEnd',
      'revision',
      'sealedRevision',
      'decision',
    ] as const;
    return {
      traces: new Map(
        [...live.all()].map((trace) => {
          const rows: object[] = [];
          for (let row = traces.spanHead[trace]!; row !== -1; row = spans.next[row]!) {
            rows.push({
              id: [spans.id0[row], spans.id1[row], spans.parent0[row], spans.parent1[row]],
              time: [spans.startUs[row], spans.endUs[row]],
              rest: [spans.weight[row], spans.bytes[row], spans.slice[row], spans.bits[row]],
              operation: operation(spans.operation[row]!),
            });
          }
          const of = Object.fromEntries(columns.map((column) => [column, traces[column][trace]]));
          const inMemory = {
            slices: live.places(trace),
            randomness: live.randomness.get(trace),
            isWaiting: live.outbox.has(trace),
            state: live.state(trace),
          };
          return [formatWords(live.words(trace)), { ...of, ...inMemory, spans: rows }];
        }),
      ),
      gaps: new Map(gaps.entries().map(([id, counts]) => [operation(id), counts])),
      statistics: this.statistics.encodeState(),
      counters: live.counters,
      sealed: live.sealed,
      lastBlock: live.lastBlock,
      undecided: live.undecidedCount,
      bytes: live.bytes,
      gauges: live.gauges(),
    };
  }
}

const trace = fc.nat(IDS.length - 1);
const span = fc.record({
  id: fc.integer({ min: 1, max: 8 }),
  parent: fc.nat(8),
  service: fc.constantFrom(...SERVICES),
  kind: fc.integer({ min: 1, max: 3 }),
  isOpen: fc.boolean(),
  isError: fc.boolean(),
  startUs: fc.integer({ min: -1e9, max: 1e9 }),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      trace,
      spans: fc.array(span, { minLength: 1, maxLength: 4 }),
      traceState: fc.constantFrom('', '', 'ot=th:8;rv:6e6d1a75832a2f', 'ot=rv:00000000000001'),
      isGoodbye: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('decide' as const),
      traces: fc.uniqueArray(trace, { minLength: 1 }),
      keep: fc.constantFrom(true, true, false),
      retention: fc.constantFrom(...RETENTION_CLASSES),
      notes: fc.constantFrom(0, EARLY, AT_LIMIT),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('seal', 'seal', 'stored' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a shard in this state would write; null when there is nothing to do. */
function recordOf({ live }: State, one: Step, nowMs: number): EncodedRecord | null {
  switch (one.do) {
    case 'append': {
      const writer = new AppendFrameWriter();
      for (const each of one.spans) {
        const startUs = nowMs * 1000 + each.startUs;
        const bytes = encodeTracesData(
          [['service.name', each.service]],
          [
            {
              traceId: parseHex(IDS[one.trace]!)!,
              spanId: parseHex(spanId(each.id))!,
              parentSpanId: each.parent === 0 ? null : parseHex(spanId(each.parent))!,
              name: `operation-${each.id}`,
              kind: each.kind,
              startUs,
              endUs: each.isOpen ? null : startUs + 1_500,
              flags: 3,
              traceState: one.traceState,
              statusCode: each.isError ? 2 : 0,
              statusMessage: '',
              attributes: [],
              events: [],
              links: [],
              scope: 'test',
              droppedAttributes: 0,
              droppedEvents: 0,
              droppedLinks: 0,
            },
          ],
        );
        const table = scanTraces(bytes);
        const { rows, starts } = groupByTrace(table);
        writer.addSlice(table, rows, starts[0]!, starts[1]!, one.isGoodbye ? SLICE_GOODBYE : 0);
      }
      return encodeAppend(nowMs, splitAppendFrame(writer.finish()).slices);
    }
    case 'decide': {
      const decision = {
        keep: one.keep,
        rate: one.keep ? 2 : 1,
        reason: one.keep ? ('probability' as const) : ('not_sampled' as const),
        policy: 'base',
        configVersion: 3,
        decidedUs: nowMs * 1000,
        ...(one.keep ? { retention: one.retention } : {}),
      };
      const due = one.traces.map((i) => IDS[i]!).filter((id) => live.find(id) !== -1);
      // Once it is kept it stays so.
      const free = due.filter((id) => one.keep || live.state(live.find(id)) !== 'kept');
      const records = free
        .filter((id) => !live.isDecided(live.find(id)))
        .map((id) => ({ id: parseWords(id), decision, revision: nowMs, notes: one.notes }));
      return records.length > 0 ? encodeDecisions(records) : null;
    }
    case 'seal': {
      const plan = live.sealed ? null : planBlock(live, 'test', nowMs, 2);
      return plan && encodeJsonRecord(SEAL, plan);
    }
    case 'stored': {
      const { sealed } = live;
      return sealed && encodeJsonRecord(STORED, { block: sealed.block, unstorable: false });
    }
  }
}

it('is all of the state, and what comes after means the same to both', () => {
  const met = { open: 0, outbox: 0, sealed: 0, gaps: 0, randomness: 0, decided: 0, late: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), fc.array(step, { maxLength: 10 }), (before, after) => {
      const state = new State([], new Map());
      let nowMs = START_MS;
      const go = (one: Step, ...states: State[]) => {
        nowMs += 40_000;
        const record = recordOf(state, one, nowMs);
        if (record) for (const each of states) each.write(record);
      };
      for (const one of before) go(one, state);
      const restored = state.restored();
      expect(restored.describe()).toEqual(state.describe());
      expect(restored.encode()).toEqual(state.encode());
      const { live } = state;
      met.open += [...live.all()].filter((each) => live.view.load(each, 1e9, false).openCount > 0).length;
      met.outbox += live.outbox.size;
      met.sealed += live.sealed ? 1 : 0;
      met.gaps += state.gaps.entries().length;
      met.randomness += live.randomness.size;
      met.decided += [...live.all()].filter((each) => live.traces.decision[each]).length;
      met.late += live.counters.lateSpans;

      for (const one of after) go(one, state, restored);
      expect(restored.describe()).toEqual(state.describe());
    }),
    { numRuns: 300 },
  );
  for (const [what, times] of Object.entries(met)) expect(times, what).toBeGreaterThan(20);
});
