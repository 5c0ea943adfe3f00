import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EARLY } from '../../durable-objects/columns/trace-columns.ts';
import { parseConfig } from '../../durable-objects/config.ts';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { createSampler } from '../../durable-objects/decide.ts';
import { Deciding } from '../../durable-objects/deciding.ts';
import { Erased } from '../../durable-objects/erased.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { planBlock } from '../../durable-objects/outbox.ts';
import { pressureLevel, quietShare } from '../../durable-objects/pressure.ts';
import { encodeAppend, encodeJsonRecord, SEAL, STORED } from '../../durable-objects/records.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { frame, type TestSpan, traceId } from '../kit/spans.ts';

const MIB = 1024 * 1024;
const START_MS = 1_790_000_000_000;
const CONFIG = parseConfig(
  JSON.stringify({ probability: 0.5, memory: { liveBytes: MIB }, critical: { services: ['pay'] } }),
);

it('rises with what is in use, and asks for less quiet', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.nat(500), (bytes, more) => {
      expect(pressureLevel(bytes + more, 1_000)).toBeGreaterThanOrEqual(pressureLevel(bytes, 1_000));
      expect(quietShare(bytes + more, 1_000)).toBeLessThanOrEqual(quietShare(bytes, 1_000));
      expect(quietShare(bytes, 1_000)).toBeGreaterThanOrEqual(0.25);
    }),
  );
  expect([0, 499, 500, 700, 850, 999, 1_000].map((bytes) => pressureLevel(bytes, 1_000))).toEqual([
    0, 0, 1, 2, 3, 3, 4,
  ]);
});

class Bench {
  readonly journal: Journal;
  readonly deciding: Deciding;
  nowMs = START_MS;
  private ids = 0;

  constructor(sql: SqlStorage) {
    this.journal = new Journal({
      sql,
      nowMs: this.nowMs,
      seed: 7,
      maxBytes: () => 1e9,
      meter: new CostMeter(() => 0),
      atomically: (work) => work(),
      seen: (service) => CONFIG.critical.services.includes(service),
      appended: (live, trace, atMs) => this.deciding.appended(live, trace, atMs),
    });
    this.deciding = new Deciding(this.journal, CONFIG, createSampler(CONFIG), new Erased(sql, this.nowMs));
  }

  /** One frame of `count` traces alike, of two spans each. */
  append(count: number, root: Partial<TestSpan> = {}): { ids: string[]; bytes: number } {
    const ids = Array.from({ length: count }, () => traceId(++this.ids, this.ids % 2 === 0));
    const startUs = this.nowMs * 1000;
    const spans = ids.flatMap((id): TestSpan[] => [
      { traceId: id, id: 1, startUs, name: 'root', ...root },
      { traceId: id, id: 2, parent: 1, startUs, name: 'child', ...(root.service ? { service: root.service } : {}) },
    ]);
    const before = this.journal.live.bytes;
    this.journal.write([encodeAppend(this.nowMs, splitAppendFrame(frame(spans)).slices)], this.nowMs);
    return { ids, bytes: this.journal.live.bytes - before };
  }

  store(): void {
    const { live } = this.journal;
    for (let plan = planBlock(live, 'test', this.nowMs); plan; plan = planBlock(live, 'test', this.nowMs)) {
      this.journal.write([encodeJsonRecord(SEAL, plan)], this.nowMs);
      this.journal.write([encodeJsonRecord(STORED, { block: plan.block, unstorable: false })], this.nowMs);
    }
  }
}

function use(name: string, test: (bench: Bench) => void): Promise<void> {
  return runInDurableObject(env.TRACE_SHARD.getByName(`pressure-${name}`), (_, { storage: { sql } }) =>
    test(new Bench(sql)),
  );
}

it('gives up complete, fast, successful traces first, and then every one', () =>
  use('ladder', (bench) => {
    const { journal, deciding } = bench;
    const { live } = journal;
    const errors = bench.append(100, { error: true }).ids;
    const critical = bench.append(100, { service: 'pay' }).ids;
    const open = bench.append(100, { durationUs: null }).ids;
    const plain: string[] = [];
    while (deciding.feelPressure() < 2) plain.push(...bench.append(50).ids);
    expect(deciding.earlyTraces).toBe(0);
    deciding.decideDue(bench.nowMs);
    expect(deciding.earlyTraces).toBe(plain.length);
    for (const id of [...errors, ...critical, ...open]) {
      const trace = live.find(id);
      expect([live.isDecided(trace), live.traces.bits[trace]! & EARLY]).toEqual([false, 0]);
    }
    // All that is there is valuable: it stays until there is no room to wait.
    bench.store();
    while (deciding.feelPressure() < 3) bench.append(50, { error: true });
    bench.nowMs += 10;
    const late = bench.append(10, { service: 'pay', durationUs: null }).ids;
    bench.nowMs += 10;
    deciding.decideDue(bench.nowMs);
    for (const id of late) {
      const trace = live.find(id);
      expect(trace === -1 || live.isDecided(trace)).toBe(true);
    }
  }));

it('stays within its budget under any stream, keeps every error it took, and recovers', () =>
  use('stream', (bench) => {
    const { journal, deciding } = bench;
    const { live } = journal;
    const levels: number[] = [];
    const errors: string[] = [];
    let refused = 0;
    // Nothing can be stored: what is kept stays, until nothing more is taken.
    for (let i = 0; i < 400; i++) {
      bench.nowMs += 5;
      deciding.decideDue(bench.nowMs);
      const level = deciding.feelPressure();
      if (levels.at(-1) !== level) levels.push(level);
      if (level === 4) {
        refused++;
        continue;
      }
      const isError = i % 3 === 0;
      const { ids, bytes } = bench.append(20, { error: isError });
      if (isError) errors.push(...ids);
      expect(live.bytes).toBeLessThanOrEqual(MIB + bytes);
    }
    expect(levels.filter((level, i) => levels.indexOf(level) === i)).toEqual([0, 1, 2, 3, 4]);
    expect(refused).toBeGreaterThan(0);
    expect(errors.length).toBeGreaterThan(100);
    // The stream stops, and the store is there again.
    bench.nowMs += 100_000;
    deciding.decideDue(bench.nowMs);
    bench.store();
    expect([deciding.feelPressure(), live.traces.count, live.bytes]).toEqual([0, 0, 0]);
    const { counters } = live;
    expect(counters.decidedTraces.error).toBe(errors.length);
    expect(counters.decidedSpans.error).toBe(2 * errors.length);
    const { not_sampled, ...kept } = counters.decidedSpans;
    expect(counters.storedSpans).toBe(Object.values(kept).reduce((sum, n) => sum + n, 0));
    expect(counters.storedSpans + not_sampled).toBe(counters.receivedSpans);
  }));
