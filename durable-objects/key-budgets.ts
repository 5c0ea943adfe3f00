/** What each key may still take in, over all isolates: its rate by tokens in memory, its day by rows that outlive a restart. */

import { Capacity } from './capacity.ts';

const DAY_MS = 86_400_000;

/** Spans a second and a day; null: no such limit. */
export interface KeyLimits {
  readonly spansPerSecond: number | null;
  readonly spansPerDay: number | null;
}

/** Spans that were given; where they are none, how long until there are as many as were needed. */
export interface KeyLease {
  readonly spans: number;
  readonly waitMs: number;
}

interface Budget {
  rate: Capacity | null;
  day: number;
  /** Spans given out on that day. */
  used: number;
}

type Row = { key: string; day: number; used: number };

export class KeyBudgets {
  private readonly sql: SqlStorage;
  private readonly budgets = new Map<string, Budget>();

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS key_days (key TEXT PRIMARY KEY, day INTEGER NOT NULL, used INTEGER NOT NULL) STRICT, WITHOUT ROWID',
    );
    for (const { key, day, used } of sql.exec<Row>('SELECT * FROM key_days')) {
      this.budgets.set(key, { rate: null, day, used });
    }
  }

  /** Gives `wanted` spans, or as many as there are; fewer than `needed` are of no use, and then none are given. */
  lease(
    key: string,
    { spansPerSecond, spansPerDay }: KeyLimits,
    needed: number,
    wanted: number,
    nowMs: number,
  ): KeyLease {
    const budget = this.budgetOf(key, nowMs);
    const left = spansPerDay === null ? Number.POSITIVE_INFINITY : spansPerDay - budget.used;
    if (needed > left) return { spans: 0, waitMs: DAY_MS - (nowMs % DAY_MS) };
    let lease: KeyLease = { spans: Math.max(needed, Math.min(wanted, left)), waitMs: 0 };
    if (spansPerSecond !== null) {
      if (budget.rate?.spansPerSecond !== spansPerSecond) budget.rate = new Capacity(spansPerSecond, nowMs);
      lease = budget.rate.lease(needed, lease.spans, nowMs, true);
    }
    if (spansPerDay !== null && lease.spans > 0) this.spend(key, budget, lease.spans);
    return lease;
  }

  private budgetOf(key: string, nowMs: number): Budget {
    const day = Math.floor(nowMs / DAY_MS);
    let budget = this.budgets.get(key);
    if (!budget) {
      budget = { rate: null, day, used: 0 };
      this.budgets.set(key, budget);
    }
    // A clock that goes back does not give yesterday's budget again.
    if (budget.day < day) {
      budget.day = day;
      budget.used = 0;
    }
    return budget;
  }

  private spend(key: string, budget: Budget, spans: number): void {
    budget.used += spans;
    this.sql.exec(
      'INSERT INTO key_days VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET day = excluded.day, used = excluded.used',
      key,
      budget.day,
      budget.used,
    );
  }
}
