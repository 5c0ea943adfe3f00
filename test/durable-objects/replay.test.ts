import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { carryRecords } from '../../durable-objects/carry.ts';
import { parseConfig } from '../../durable-objects/config.ts';
import { readBase, writeBase } from '../../durable-objects/counters.ts';
import { decide } from '../../durable-objects/decide.ts';
import { LiveTraces } from '../../durable-objects/live-traces.ts';
import { Log, type Place } from '../../durable-objects/log.ts';
import { blockParts, planBlock } from '../../durable-objects/outbox.ts';
import { DECIDE, encodeAppend, encodeJsonRecord, SEAL, STORED } from '../../durable-objects/records.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { frame, type TestSpan, traceId } from '../kit/spans.ts';

/** A shard's parts over a real log, with time in the test's hands. */
class Bench {
  readonly sql: SqlStorage;
  readonly traces: LiveTraces;
  readonly log: Log;
  readonly read = (place: Place) => this.log.read(place);

  constructor(sql: SqlStorage) {
    this.sql = sql;
    const base = readBase(sql);
    this.traces = new LiveTraces({ base, readSlice: this.read, seen: () => {} });
    this.log = new Log(sql, (row, bucket, rowId) => this.traces.applyRow(row, bucket, rowId));
    this.log.replay(base.row);
  }

  dropDue(nowMs: number): void {
    this.log.rotate(nowMs);
    for (let due = this.log.dueBucket(nowMs, false); due; due = this.log.dueBucket(nowMs, false)) {
      const { id } = due;
      this.log.write(carryRecords(this.traces, id, this.read), nowMs);
      this.traces.forgetBucket(id);
      writeBase(this.sql, { counters: this.traces.counters, row: this.traces.lastRow });
      this.log.drop(id);
    }
  }

  /** Everything that must be the same after a restart. */
  state(ids: readonly string[]) {
    return {
      counters: structuredClone(this.traces.counters),
      gauges: this.traces.gauges(),
      sealed: this.traces.sealed,
      block: this.traces.sealed && blockParts(this.traces, this.traces.sealed, this.read, this.log.sinceMs),
      traces: ids.map((id) => {
        const trace = this.traces.get(id);
        return (
          trace && {
            state: trace.state,
            decision: trace.decision,
            revision: trace.revision,
            slices: trace.slices.map(({ place }) => place),
            decided: trace.decided,
            stored: trace.stored,
            completeness: trace.headers?.completeness,
          }
        );
      }),
    };
  }
}

const CONFIG = parseConfig('{"probability": 0.5}');
const IDS = Array.from({ length: 4 }, (_, i) => traceId(i + 1, i % 2 === 0));

type Step =
  | { do: 'append'; trace: number; spans: { id: number; parent: number; open: boolean; error: boolean }[] }
  | { do: 'decide'; trace: number }
  | { do: 'seal' | 'stored' | 'restart' }
  | { do: 'wait'; minutes: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      trace: fc.nat(IDS.length - 1),
      spans: fc.array(
        fc.record({
          id: fc.integer({ min: 1, max: 6 }),
          parent: fc.nat(6),
          open: fc.boolean(),
          error: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('decide' as const), trace: fc.nat(IDS.length - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('seal' as const, 'stored' as const, 'restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 12 }) }) },
);

it('knows after a restart what it knew before, whatever happened, and stores every kept span', async () => {
  let carried = 0;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) =>
      runInDurableObject(env.TRACE_SHARD.getByName(`replay-${runs++}`), (_, { storage: { sql } }) => {
        let bench = new Bench(sql);
        const stored = new Map<string, Set<string>>(IDS.map((id) => [id, new Set()]));
        const sent = new Map<string, Set<string>>(IDS.map((id) => [id, new Set()]));
        let nowMs = 1_790_000_000_000;
        const seal = () => {
          const plan = bench.traces.sealed ? null : planBlock(bench.traces, 'test', nowMs);
          if (plan) bench.log.write([encodeJsonRecord(SEAL, plan)], nowMs);
        };
        const store = () => {
          const { sealed } = bench.traces;
          if (!sealed) return;
          for (const part of blockParts(bench.traces, sealed, bench.read, bench.log.sinceMs)) {
            for (const span of decodeSpans(part.otlp, 'kept')) stored.get(part.traceId)!.add(span.spanId);
          }
          bench.log.write([encodeJsonRecord(STORED, { block: sealed.block, unstorable: false })], nowMs);
        };
        const decideOne = (id: string) => {
          const trace = bench.traces.get(id);
          if (!trace || trace.isDecided) return;
          const decision = trace.decision?.keep ? trace.decision : decide(id, trace.headers!.facts(), CONFIG, nowMs);
          bench.log.write([encodeJsonRecord(DECIDE, [{ traceId: id, decision, revision: trace.revision + 1 }])], nowMs);
        };
        for (const one of steps) {
          nowMs += 1;
          switch (one.do) {
            case 'append': {
              const id = IDS[one.trace]!;
              const spans = one.spans.map(
                (span): TestSpan => ({
                  traceId: id,
                  id: span.id,
                  error: span.error,
                  durationUs: span.open ? null : 5,
                  ...(span.parent > 0 ? { parent: span.parent } : {}),
                }),
              );
              bench.log.write([encodeAppend(nowMs, splitAppendFrame(frame(spans)).slices)], nowMs);
              for (const span of spans) sent.get(id)!.add(span.id.toString(16).padStart(16, '0'));
              break;
            }
            case 'decide':
              decideOne(IDS[one.trace]!);
              break;
            case 'seal':
              seal();
              break;
            case 'stored':
              store();
              break;
            case 'restart':
              bench = new Bench(sql);
              break;
            case 'wait': {
              nowMs += one.minutes * 60_000;
              const live = bench.traces.undecided.size + bench.traces.outbox.size;
              const before = structuredClone(bench.traces.counters);
              bench.dropDue(nowMs);
              expect(bench.traces.counters).toEqual(before);
              // What is settled and gone from the log is forgotten; the same id begins anew.
              for (const id of IDS) if (!bench.traces.get(id)) sent.get(id)!.clear();
              if (live > 0 && one.minutes > 10) carried++;
              break;
            }
          }
          expect(new Bench(sql).state(IDS)).toEqual(bench.state(IDS));
        }
        for (const id of IDS) decideOne(id);
        for (let i = 0; i < 3; i++) {
          seal();
          store();
        }
        const { counters, gauges } = bench.state(IDS);
        expect(gauges).toEqual({ liveSpans: 0, outboxSpans: 0, liveTraces: 0, outboxTraces: 0 });
        const { not_sampled, ...kept } = counters.decidedSpans;
        const keptSpans = Object.values(kept).reduce((sum, n) => sum + n, 0);
        expect(counters.receivedSpans).toBe(counters.mergedSpans + keptSpans + not_sampled);
        expect(counters.storedSpans).toBe(keptSpans + counters.revisedSpans);
        for (const id of IDS) {
          const trace = bench.traces.get(id);
          // A kept trace that the log still has in whole must be stored in whole.
          if (trace?.state === 'kept' && !trace.forgotten) {
            expect([...sent.get(id)!].filter((span) => !stored.get(id)!.has(span))).toEqual([]);
          }
        }
      }),
    ),
    { numRuns: 100 },
  );
  expect(carried).toBeGreaterThan(10);
});
