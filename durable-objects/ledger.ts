/** What must hold across isolates: one object sums what the Workers count, and knows whom they have seen. */

import { DurableObject } from 'cloudflare:workers';
import { COST_ITEMS, type CostItem, costKey } from '../model/costs.ts';
import { Capacity } from './capacity.ts';
import { CostMeter, meterEvents } from './cost-meter.ts';
import { FairShares, type Taken } from './fair-shares.ts';
import { Instances } from './instances.ts';
import { KeyBudgets, type KeyLease, type KeyLimits } from './key-budgets.ts';
import type { CounterDeltas, FairLease, LeaseAsk, LedgerApi, SeenInstance, SeenService, Sighting } from './protocol.ts';
import { Quarantine, type QuarantinedSpan, type RejectedSpan } from './quarantine.ts';

export class Ledger extends DurableObject implements LedgerApi {
  readonly meter = new CostMeter(() => performance.now());
  private readonly counters: Record<string, number>;
  private readonly seen: Instances;
  private readonly samples: Quarantine;
  /** Made anew when the object starts: then a burst more may come in. */
  private capacity: Capacity | null = null;
  private readonly shares = new FairShares();
  private readonly keys: KeyBudgets;

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    this.meter.watch(state.storage);
    const { sql } = state.storage;
    sql.exec('CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
    this.seen = new Instances(sql);
    this.samples = new Quarantine(sql);
    const [row] = sql.exec<{ json: string }>('SELECT json FROM counters WHERE id = 1').toArray();
    this.counters = row ? (JSON.parse(row.json) as Record<string, number>) : {};
    this.keys = new KeyBudgets(sql);
    const costs = Object.fromEntries(COST_ITEMS.map((item) => [item, this.counters[costKey(item, 'ledger')] ?? 0]));
    this.meter.restore(costs);
    // The row itself was written after that.
    if (row) this.meter.count('object_rows_written');
  }

  async add(deltas: CounterDeltas, sightings: readonly Sighting[] = []): Promise<void> {
    this.seen.see(sightings, Date.now());
    for (const [name, delta] of Object.entries(deltas)) this.counters[name] = (this.counters[name] ?? 0) + delta;
    this.noteCosts();
    this.ctx.storage.sql.exec(
      'INSERT INTO counters (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json',
      JSON.stringify(this.counters),
    );
  }

  async lease(spansPerSecond: number, { who, needed, wanted, isUrgent }: LeaseAsk, taken: Taken): Promise<FairLease> {
    const nowMs = Date.now();
    for (const [caller, spans] of taken) this.shares.see(caller, spans, nowMs);
    this.shares.see(who, 0, nowMs);
    const kept = this.shares.keptFrom(who);
    this.capacity ??= new Capacity(spansPerSecond, nowMs);
    // Isolates hear of a change one after the other: a bucket for each of them would be a burst for each lease.
    this.capacity.spansPerSecond = spansPerSecond;
    return { ...this.capacity.lease(needed, wanted, nowMs, isUrgent, kept), isAboveShare: kept > 0 };
  }

  async leaseKey(key: string, limits: KeyLimits, needed: number, wanted: number): Promise<KeyLease> {
    return this.keys.lease(key, limits, needed, wanted, Date.now());
  }

  async read(): Promise<CounterDeltas> {
    this.noteCosts();
    return this.counters;
  }

  async hello(sighting: Omit<Sighting, 'atMs'>): Promise<void> {
    this.seen.hello(sighting, Date.now());
  }

  async goodbye(sighting: Omit<Sighting, 'atMs'>): Promise<void> {
    this.seen.goodbye(sighting, Date.now());
  }

  async services(): Promise<SeenService[]> {
    return this.seen.list(Date.now());
  }

  async instances(service: string): Promise<SeenInstance[]> {
    return this.seen.listInstances(service, Date.now());
  }

  async quarantine(spans: readonly RejectedSpan[]): Promise<void> {
    this.samples.add(spans, Date.now());
  }

  async readQuarantine(before: number | null, limit: number): Promise<QuarantinedSpan[]> {
    return this.samples.read(before, limit);
  }

  /** What this object itself costs is among the counters. */
  private noteCosts(): void {
    for (const [item, count] of Object.entries(this.meter.totals()) as [CostItem, number][]) {
      this.counters[costKey(item, 'ledger')] = count;
    }
  }
}

meterEvents<LedgerApi>(Ledger.prototype, {
  add: 'object_calls',
  lease: 'object_calls',
  leaseKey: 'object_calls',
  read: 'object_calls',
  hello: 'object_calls',
  goodbye: 'object_calls',
  services: 'object_calls',
  instances: 'object_calls',
  quarantine: 'object_calls',
  readQuarantine: 'object_calls',
});
