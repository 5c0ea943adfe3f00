import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { addCounters, type Counters, emptyCounters } from '../../durable-objects/counters.ts';
import { createSampler } from '../../durable-objects/decide.ts';
import { Deciding } from '../../durable-objects/deciding.ts';
import { Erased } from '../../durable-objects/erased.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { blockParts, planBlock } from '../../durable-objects/outbox.ts';
import { encodeJsonRecord, SEAL, STORED } from '../../durable-objects/records.ts';
import { parseWords } from '../../durable-objects/trace-words.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import fixture from './fixtures/log-v1.json' with { type: 'json' };

const CONFIG = parseConfig('{"probability": 0.5}');
const { tables, expected } = fixture;
const nowMs = expected.nowMs + 10;

/** The tables as version 1 left them. `fixtures/log-v1.json` was written by the last commit that wrote that version. */
function load(sql: SqlStorage): void {
  sql.exec('DROP TABLE IF EXISTS log_buckets');
  sql.exec('CREATE TABLE buckets (id INTEGER PRIMARY KEY, opened_ms REAL NOT NULL, closed_ms REAL) STRICT');
  sql.exec('CREATE TABLE counters (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
  for (const { id, opened_ms, closed_ms } of tables.buckets) {
    sql.exec('INSERT INTO buckets VALUES (?, ?, ?)', id, opened_ms, closed_ms);
  }
  for (const { id, json } of tables.counters) sql.exec('INSERT INTO counters VALUES (?, ?)', id, json);
  for (const [bucket, rows] of tables.logs as [number, [number, string][]][]) {
    sql.exec(`CREATE TABLE log_${bucket} (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT`);
    for (const [row, data] of rows) {
      sql.exec(
        `INSERT INTO log_${bucket} VALUES (?, ?)`,
        row,
        Uint8Array.from(atob(data), (c) => c.charCodeAt(0)),
      );
    }
  }
}

function open(sql: SqlStorage): Journal {
  return new Journal({
    sql,
    nowMs,
    seed: 7,
    maxBytes: () => 1e9,
    meter: new CostMeter(() => 0),
    atomically: (work) => work(),
    seen: () => false,
    appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
  });
}

function spansInLog(journal: Journal, id: string): string[] {
  const slices = journal.findSlices(parseWords(id)).map(journal.readSlice);
  return [...new Set(decodeSpans(concatBytes(slices), 'live').map((span) => span.spanId))].sort();
}

function keptInLog(journal: Journal): string[] {
  return Object.values(expected.traces).flatMap(({ traceId }) => {
    const trace = journal.live.find(traceId);
    return trace !== -1 && journal.live.outbox.has(trace) ? [traceId] : [];
  });
}

/** What both starts must know. */
function state(journal: Journal) {
  const { live } = journal;
  for (const trace of live.all()) if (live.traces.spanCount[trace]! > 0) live.look(trace);
  return {
    counters: structuredClone(live.counters),
    gauges: live.gauges(),
    sealed: live.sealed,
    undecided: live.undecidedCount,
    traces: Object.values(expected.traces).map(({ traceId }) => {
      const trace = live.find(traceId);
      const decision = journal.findDecision(parseWords(traceId));
      const slices = spansInLog(journal, traceId);
      if (trace === -1) return { decision, slices };
      const { traces } = live;
      return { decision, slices, state: live.state(trace), now: traces.decision[trace], places: live.places(trace) };
    }),
  };
}

function use(name: string, test: (sql: SqlStorage) => void): Promise<void> {
  return runInDurableObject(env.TRACE_SHARD.getByName(`log-v1-${name}`), (_, { storage: { sql } }) => {
    load(sql);
    test(sql);
  });
}

it('knows every trace of a log of version 1 as that version did', () =>
  use('traces', (sql) => {
    const journal = open(sql);
    const { live } = journal;
    const seen = { live: 0, waiting: 0, dropped: 0 };
    for (const [name, then] of Object.entries(expected.traces)) {
      if (!('state' in then)) continue;
      const trace = live.find(then.traceId);
      if (then.isLive) {
        seen.live++;
        expect(live.isDecided(trace), name).toBe(false);
        expect(live.state(trace), name).toBe(then.state);
      }
      if (then.isWaiting) {
        seen.waiting++;
        expect(live.outbox.has(trace), name).toBe(true);
      }
      if (then.state === 'dropped') seen.dropped++;
      // What was carried has its decision with it, not in the log.
      const decision =
        trace === -1 ? journal.findDecision(parseWords(then.traceId))?.decision : live.traces.decision[trace];
      if (then.decision) expect(decision, name).toMatchObject(then.decision);
      else expect(decision, name).toBeNull();
      if (trace !== -1) expect(live.traces.revision[trace], name).toBe(then.revision);
      expect(spansInLog(journal, then.traceId), name).toHaveLength(then.spans);
    }
    expect(live.sealed).toEqual(expected.sealed);
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(0);
  }));

it('counts on from what version 1 had counted', () =>
  use('counters', (sql) => {
    const { live } = open(sql);
    for (const trace of live.all()) if (live.traces.spanCount[trace]! > 0) live.look(trace);
    const { copies, ...gauges } = live.gauges();
    const { liveSpans, outboxSpans } = expected.gauges;
    expect(gauges).toEqual({ liveSpans, outboxSpans });
    const { mergedSpans, lateSpans, ...counters } = live.counters;
    // Version 1 had fewer reasons, and did not count late spans.
    const { lateSpans: _, ...before } = addCounters(emptyCounters(), expected.counters as unknown as Counters);
    expect(lateSpans).toBeGreaterThan(0);
    expect({ ...counters, mergedSpans: mergedSpans + copies }).toEqual(before);
  }));

it('has a log of its own version after that', () =>
  use('again', (sql) => {
    const before = state(open(sql));
    const names = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
    expect(names.map(({ name }) => name)).not.toContain('buckets');
    expect(state(open(sql))).toEqual(before);
  }));

it('keeps by hand what version 1 had dropped', () =>
  use('keep', (sql) => {
    const journal = open(sql);
    const { traceId, spans } = expected.traces.dropped;
    expect(journal.live.find(traceId)).toBe(-1);
    expect(
      new Deciding(journal, CONFIG, createSampler(CONFIG), new Erased(sql, nowMs)).keep(parseWords(traceId), nowMs),
    ).toBe(true);
    const trace = journal.live.find(traceId);
    expect(journal.live.state(trace)).toBe('kept');
    expect(journal.live.look(trace).spanCount).toBe(spans);
  }));

it('stores every span that waits, once', () =>
  use('store', (sql) => {
    open(sql);
    const journal = open(sql);
    const { live } = journal;
    const waiting = new Map(
      keptInLog(journal).map((id) => {
        const slices = live.places(live.find(id)).map(journal.readSlice);
        return [id, [...new Set(decodeSpans(concatBytes(slices), 'kept').map((span) => span.spanId))].sort()];
      }),
    );
    const stored = new Map<string, string[]>();
    for (let i = 0; live.outbox.size > 0 && i < 9; i++) {
      if (!live.sealed) journal.write([encodeJsonRecord(SEAL, planBlock(live, 'test', nowMs)!)], nowMs);
      for (const part of blockParts(live, live.sealed!, journal.readSlice, journal.rememberedSinceMs)) {
        const spans = decodeSpans(part.otlp, 'kept').map((span) => span.spanId);
        stored.set(part.traceId, [...(stored.get(part.traceId) ?? []), ...spans].sort());
      }
      journal.write([encodeJsonRecord(STORED, { block: live.sealed!.block, unstorable: false })], nowMs);
    }
    expect(waiting.size).toBeGreaterThan(2);
    expect(live.outbox.size).toBe(0);
    expect(stored).toEqual(waiting);
  }));
