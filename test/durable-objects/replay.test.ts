import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MERGED } from '../../durable-objects/columns/trace-columns.ts';
import { parseConfig } from '../../durable-objects/config.ts';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { createSampler } from '../../durable-objects/decide.ts';
import { Deciding } from '../../durable-objects/deciding.ts';
import { Erased } from '../../durable-objects/erased.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { blockParts, planBlock } from '../../durable-objects/outbox.ts';
import { encodeAppend, encodeJsonRecord, SEAL, STORED } from '../../durable-objects/records.ts';
import { parseWords } from '../../durable-objects/trace-words.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { TracePart } from '../../store/store.ts';
import { frame, type TestSpan, traceId } from '../kit/spans.ts';

const CONFIG = parseConfig('{"probability": 0.5, "quietMs": 2000}');
const IDS = Array.from({ length: 4 }, (_, i) => traceId(i + 1, i % 2 === 0));

/** A shard's parts over a real log, with time in the test's hands. */
class Bench {
  readonly journal: Journal;
  readonly deciding: Deciding;
  readonly erased: Erased;

  constructor(sql: SqlStorage, nowMs: number) {
    this.erased = new Erased(sql, nowMs);
    this.journal = new Journal({
      sql,
      nowMs,
      seed: 7,
      maxBytes: () => 1e9,
      meter: new CostMeter(() => 0),
      atomically: (work) => work(),
      seen: () => false,
      appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
    });
    this.deciding = new Deciding(this.journal, CONFIG, createSampler(CONFIG), this.erased);
  }

  /** Everything that must be the same after a restart. */
  state(nowMs: number) {
    const { live } = this.journal;
    // Copies are merged when a trace is looked at, unless a block waits for it; the log knows nothing of that.
    for (const trace of live.all()) if (live.traces.spanCount[trace]! > 0) live.look(trace);
    const { copies, ...gauges } = live.gauges();
    const { mergedSpans, ...counters } = live.counters;
    const decidedSpans = Object.values(counters.decidedSpans).reduce((sum, n) => sum + n, 0);
    expect(mergedSpans + copies + gauges.liveSpans + decidedSpans).toBe(counters.receivedSpans);
    const traces = IDS.map((id) => {
      const trace = live.find(id);
      const decision = this.journal.findDecision(parseWords(id));
      // So is that its open spans are not waited for any more.
      if (trace === -1 || live.isSilent(trace, nowMs)) return { decision };
      const { firstMs, lastMs, maxGapMs, bits, sliceStart, sliceEnd, decidedEnd, sealedEnd, storedEnd } = live.traces;
      const columns = [
        firstMs,
        lastMs,
        maxGapMs,
        bits.map((bit) => bit & ~MERGED),
        sliceStart,
        sliceEnd,
        decidedEnd,
        sealedEnd,
        storedEnd,
      ];
      const view = live.traces.spanCount[trace]! > 0 ? live.look(trace) : null;
      return {
        decision,
        state: live.state(trace),
        decided: live.traces.decision[trace],
        revisions: [live.traces.revision[trace], live.traces.sealedRevision[trace]],
        columns: columns.map((column) => column[trace]),
        slices: live.places(trace),
        spans: view && [view.spanCount, view.errorCount, view.durationUs, view.missingParents, view.rootEnded],
        outbox: live.outbox.has(trace),
      };
    });
    return {
      counters: { ...structuredClone(counters), mergedSpans: mergedSpans + copies },
      gauges,
      sealed: live.sealed,
      block: live.sealed && this.parts(),
      undecided: live.undecidedCount,
      found: IDS.map((id) => this.journal.findSlices(parseWords(id))),
      statistics: this.journal.statistics.encodeState(),
      traces,
    };
  }

  isKept(id: string): boolean {
    if (this.erased.has(id)) return false;
    const trace = this.journal.live.find(id);
    if (trace !== -1) return this.journal.live.state(trace) === 'kept';
    return this.journal.findDecision(parseWords(id))?.decision.keep === true;
  }

  spansInLog(id: string): Set<string> {
    const slices = this.journal.findSlices(parseWords(id)).map(this.journal.readSlice);
    return new Set(decodeSpans(concatBytes(slices), 'live').map((span) => span.spanId));
  }

  parts() {
    const { live, readSlice, rememberedSinceMs } = this.journal;
    return blockParts(live, live.sealed!, readSlice, rememberedSinceMs);
  }
}

/** What the block is written from, which must not change between two tries. */
const bytesOf = ({ traceId, revision, otlp }: TracePart) => ({ traceId, revision, otlp });

type Step =
  | { do: 'append'; trace: number; spans: { id: number; parent: number; open: boolean; error: boolean }[] }
  | { do: 'decide' | 'seal' | 'stored' | 'restart' }
  | { do: 'keep' | 'erase'; trace: number }
  | { do: 'wait'; minutes: number };

const trace = fc.nat(IDS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      trace,
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
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('decide', 'seal', 'stored', 'restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('keep', 'erase' as const), trace }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 12 }) }) },
);

/** By hand, when its open span is all that is left of a dropped trace. */
const KEPT_TOO_LATE: Step[] = [
  { do: 'append', trace: 0, spans: [{ id: 1, parent: 0, open: false, error: true }] },
  { do: 'wait', minutes: 1 },
  { do: 'wait', minutes: 1 },
  { do: 'append', trace: 1, spans: [{ id: 1, parent: 0, open: true, error: false }] },
  { do: 'wait', minutes: 10 },
  { do: 'keep', trace: 1 },
  { do: 'append', trace: 0, spans: [{ id: 1, parent: 0, open: false, error: true }] },
];

it('knows after a restart what it knew before, whatever happened, and stores every kept span', async () => {
  const met = { moved: 0, late: 0, revised: 0, kept: 0, erased: 0, erasedWhileSealed: 0 };
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) =>
      runInDurableObject(env.TRACE_SHARD.getByName(`replay-${runs++}`), (_, { storage: { sql } }) => {
        let nowMs = 1_790_000_000_000;
        let bench = new Bench(sql, nowMs);
        /** What the sealed block was made of when it was sealed. */
        let parts: readonly TracePart[] = [];
        const stored = new Map<string, Set<string>>(IDS.map((id) => [id, new Set()]));
        const sent = new Map<string, Set<string>>(IDS.map((id) => [id, new Set()]));
        const seal = () => {
          const plan = bench.journal.live.sealed ? null : planBlock(bench.journal.live, 'test', nowMs);
          if (!plan) return;
          bench.journal.write([encodeJsonRecord(SEAL, plan)], nowMs);
          parts = bench.parts();
        };
        const store = () => {
          const { sealed } = bench.journal.live;
          if (!sealed) return;
          expect(bench.parts().map(bytesOf)).toEqual(parts.map(bytesOf));
          for (const part of parts) {
            for (const span of decodeSpans(part.otlp, 'kept')) stored.get(part.traceId)!.add(span.spanId);
          }
          bench.journal.write([encodeJsonRecord(STORED, { block: sealed.block, unstorable: false })], nowMs);
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
                  startUs: nowMs * 1000,
                  error: span.error,
                  durationUs: span.open ? null : 5,
                  ...(span.parent > 0 ? { parent: span.parent } : {}),
                }),
              );
              bench.journal.write([encodeAppend(nowMs, splitAppendFrame(frame(spans)).slices)], nowMs);
              for (const span of spans) sent.get(id)!.add(span.id.toString(16).padStart(16, '0'));
              break;
            }
            case 'decide':
              nowMs += 11_000;
              bench.deciding.decideDue(nowMs);
              break;
            case 'seal':
              seal();
              break;
            case 'stored':
              store();
              break;
            case 'keep':
              if (bench.deciding.keep(parseWords(IDS[one.trace]!), nowMs)) met.kept++;
              break;
            case 'erase': {
              // Rather one that is on its way to the store.
              seal();
              const [sealed] = bench.journal.live.sealed?.traces[0] ?? [];
              const id = sealed ?? IDS[one.trace]!;
              met.erased++;
              if (sealed) met.erasedWhileSealed++;
              bench.erased.add(id, nowMs);
              bench.deciding.erase(parseWords(id), nowMs);
              break;
            }
            case 'restart':
              bench = new Bench(sql, nowMs);
              break;
            case 'wait': {
              nowMs += one.minutes * 60_000;
              // As an alarm does, before it drops anything.
              bench.deciding.decideDue(nowMs);
              const places = IDS.map((id) => bench.journal.live.find(id)).flatMap((row) =>
                row === -1 ? [] : bench.journal.live.places(row),
              );
              const before = structuredClone(bench.journal.live.counters);
              bench.journal.maintain(nowMs);
              expect(bench.journal.live.counters).toEqual(before);
              const buckets = new Set(bench.journal.log.buckets.map(({ id }) => id));
              met.moved += places.filter(({ bucket }) => !buckets.has(bucket)).length;
              // What was dropped and is gone from the log cannot be kept any more.
              for (const id of IDS) if (!bench.isKept(id)) sent.set(id, bench.spansInLog(id));
              break;
            }
          }
          expect(new Bench(sql, nowMs).state(nowMs)).toEqual(bench.state(nowMs));
        }
        nowMs += 100_000;
        bench.deciding.decideDue(nowMs);
        for (let i = 0; i < 9; i++) {
          seal();
          store();
        }
        const { counters, gauges, undecided } = bench.state(nowMs);
        expect([gauges, undecided]).toEqual([{ liveSpans: 0, outboxSpans: 0 }, 0]);
        const { not_sampled, erased, ...kept } = counters.decidedSpans;
        const keptSpans = Object.values(kept).reduce((sum, n) => sum + n, 0);
        expect(counters.receivedSpans).toBe(counters.mergedSpans + keptSpans + not_sampled + erased);
        expect(counters.storedSpans + counters.erasedSpans).toBe(keptSpans + counters.revisedSpans);
        met.late += counters.lateSpans;
        met.revised += counters.revisedSpans;
        for (const id of IDS) {
          // A kept trace that the log still has in whole must be stored in whole.
          if (bench.isKept(id)) {
            expect([...sent.get(id)!].filter((span) => !stored.get(id)!.has(span))).toEqual([]);
          }
        }
      }),
    ),
    { numRuns: 150, examples: [[KEPT_TOO_LATE]] },
  );
  for (const times of Object.values(met)) expect(times).toBeGreaterThan(10);
});
