/** One trace that is large and one that is long, through a shard's parts with time in the test's hands, read back whole. */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { createSampler } from '../../durable-objects/decide.ts';
import { Deciding } from '../../durable-objects/deciding.ts';
import { Erased } from '../../durable-objects/erased.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { encodeAppend } from '../../durable-objects/records.ts';
import { Storing } from '../../durable-objects/storing.ts';
import { parseWords } from '../../durable-objects/trace-words.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import { mergeMinutes } from '../../model/statistics-merge.ts';
import { storeBindings } from '../../store/bindings.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { frame, spanId, type TestSpan, traceId } from '../kit/spans.ts';

const CONFIG = parseConfig(undefined);
const START_MS = 1_790_000_000_000;
const REQUEST_SPANS = 500;
const store = createD1R2Store(storeBindings(env));

/** A shard without the object around it: alarms come when `alarm` is called. */
class Parts {
  nowMs = START_MS;
  private readonly sql: SqlStorage;
  private journal!: Journal;
  private deciding!: Deciding;
  private storing!: Storing;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    this.restart();
  }

  restart(): void {
    this.journal = new Journal({
      sql: this.sql,
      nowMs: this.nowMs,
      seed: 7,
      maxBytes: () => 2 ** 31,
      meter: new CostMeter(() => 0),
      atomically: (work) => work(),
      seen: () => false,
      appended: (live, trace, atMs) => {
        if (this.deciding) this.deciding.appended(live, trace, atMs);
        else live.deadlines.set(trace, atMs);
      },
    });
    this.deciding = new Deciding(this.journal, CONFIG, createSampler(CONFIG), new Erased(this.sql, this.nowMs));
    this.storing = new Storing({
      journal: this.journal,
      store,
      shardName: 'long',
      sync: async () => {},
      now: () => this.nowMs,
      random: () => 0.5,
      blockMs: () => 0,
    });
  }

  append(spans: readonly TestSpan[]): void {
    this.journal.write([encodeAppend(this.nowMs, splitAppendFrame(frame(spans)).slices)], this.nowMs);
  }

  async alarm(): Promise<void> {
    this.deciding.decideDue(this.nowMs);
    await this.storing.run(this.nowMs);
    this.journal.maintain(this.nowMs);
  }

  get metrics() {
    const { live, log } = this.journal;
    return { liveBytes: live.bytes, logBytes: log.bytes, outbox: live.outbox.size, undecided: live.undecidedCount };
  }

  /** Spans of each service, and of each edge. */
  get counted(): Record<string, number> {
    const { operations, edges } = mergeMinutes(
      this.journal.statistics.read(0, Number.POSITIVE_INFINITY).map(({ bytes }) => bytes),
    );
    return Object.fromEntries([
      ...operations.map(({ service, spans }) => [service, spans]),
      ...edges.map(({ parentService, childService, spans }) => [`${parentService} → ${childService}`, spans]),
    ]);
  }

  /** As the API reads it: what is stored and what is not yet, as one. */
  async read(id: string) {
    const stored = await store.get(id);
    const trace = this.journal.live.find(id);
    const places = trace === -1 ? [] : this.journal.live.places(trace);
    const bytes = [...(stored ? [stored.otlp] : []), ...places.map(this.journal.readSlice)];
    return {
      summary: stored?.summary,
      decision: this.journal.findDecision(parseWords(id))?.decision,
      spans: decodeSpans(mergeTrace(concatBytes(bytes)), 'kept'),
    };
  }
}

it('stores a trace of 100,000 spans whole, in slices, and reads it back as one', { timeout: 120_000 }, () =>
  runInDurableObject(env.TRACE_SHARD.getByName('large'), async (_, { storage: { sql } }) => {
    const parts = new Parts(sql);
    const id = traceId(1);
    const total = 100_000;
    let mostLive = 0;
    for (let first = 1; first <= total; first += REQUEST_SPANS) {
      const spans = Array.from({ length: REQUEST_SPANS }, (__, i): TestSpan => {
        const span = first + i;
        return {
          traceId: id,
          id: span,
          name: `operation-${span % 50}`,
          startUs: parts.nowMs * 1000 + i,
          ...(span > 1 && { parent: 1 + Math.floor(span / 10) }),
        };
      });
      parts.append(spans);
      parts.nowMs += 20;
      mostLive = Math.max(mostLive, parts.metrics.liveBytes);
      if (first % 25_000 === 1) await parts.alarm();
    }
    parts.nowMs += 60_000;
    await parts.alarm();
    await parts.alarm();
    const { summary, decision, spans } = await parts.read(id);
    console.log(`100,000 spans: ${mostLive} bytes live at most, ${summary?.spanCount} in the summary`);
    expect(decision?.keep).toBe(true);
    expect(parts.metrics).toMatchObject({ outbox: 0, undecided: 0 });
    expect(spans).toHaveLength(total);
    expect(new Set(spans.map((span) => span.spanId)).size).toBe(total);
    expect(summary).toMatchObject({ spanCount: total, completeness: { rootEnded: true } });
  }),
);

it(
  'stores a trace that goes on for 30 minutes whole, restarts included, and reads it back as one',
  { timeout: 120_000 },
  () =>
    runInDurableObject(env.TRACE_SHARD.getByName('long'), async (_, { storage: { sql } }) => {
      const parts = new Parts(sql);
      const id = traceId(2);
      const startUs = START_MS * 1000;
      const root = { traceId: id, id: 1, name: 'session', startUs } as const;
      const rounds = (30 * 60) / 5;
      for (let round = 1; round <= rounds; round++) {
        // Every five seconds the page says that its root is still open, and what was done meanwhile.
        parts.append([
          { ...root, durationUs: null },
          { traceId: id, id: 1 + round * 2, parent: 1, startUs: parts.nowMs * 1000 },
          { traceId: id, id: 2 + round * 2, parent: 1 + round * 2, startUs: parts.nowMs * 1000, error: round === 200 },
        ]);
        parts.nowMs += 5_000;
        await parts.alarm();
        if (round % 60 === 0) parts.restart();
      }
      const open = await parts.read(id);
      expect(open.spans).toHaveLength(1 + 2 * rounds);
      expect(open.spans.find((span) => span.spanId === spanId(1))?.durationUs).toBeUndefined();
      parts.append([{ ...root, durationUs: 1_800_000_000 }]);
      parts.nowMs += 120_000;
      await parts.alarm();
      await parts.alarm();
      const { summary, decision, spans } = await parts.read(id);
      expect(decision).toMatchObject({ keep: true });
      expect(parts.metrics).toMatchObject({ outbox: 0, undecided: 0 });
      expect(new Set(spans.map((span) => span.spanId)).size).toBe(1 + 2 * rounds);
      expect(spans).toHaveLength(1 + 2 * rounds);
      expect(spans.find((span) => span.spanId === spanId(1))?.durationUs).toBe(1_800_000_000);
      // Half an hour of it takes no more than what is open.
      expect(parts.metrics.liveBytes).toBeLessThan(10_000);
      expect(summary).toMatchObject({ errorCount: 1, durationUs: 1_800_000_000, spanCount: 1 + 2 * rounds });
    }),
);

it.each([true, false])('counts a span that ends after its trace was decided, and its edges: kept %s', (isKept) =>
  runInDurableObject(env.TRACE_SHARD.getByName(`ends-late-${isKept}`), async (_, { storage: { sql } }) => {
    const parts = new Parts(sql);
    const id = traceId(isKept ? 4 : 3, isKept);
    const page = { traceId: id, id: 1, service: 'page', startUs: START_MS * 1000, durationUs: null };
    parts.append([
      page,
      { traceId: id, id: 2, parent: 1, service: 'api', startUs: START_MS * 1000 },
      { traceId: id, id: 3, parent: 2, service: 'db', startUs: START_MS * 1000 },
    ]);
    parts.nowMs += 50_000;
    parts.append([page]);
    parts.nowMs += 11_000;
    await parts.alarm();
    // It is decided by its age, and what has ended has left memory.
    expect(parts.metrics).toMatchObject({ outbox: 0, undecided: 0 });
    expect(parts.counted).toEqual({ api: 1, db: 1, 'api → db': 1 });
    parts.restart();
    parts.nowMs += 10_000;
    parts.append([{ ...page, durationUs: 71_000_000 }]);
    for (let i = 0; i < 3; i++) {
      parts.nowMs += 61_000;
      await parts.alarm();
    }
    expect(parts.metrics).toMatchObject({ outbox: 0, undecided: 0 });
    expect(parts.counted).toEqual({ page: 1, api: 1, db: 1, 'page → api': 1, 'api → db': 1 });
  }),
);
