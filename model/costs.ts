/** What a deployment is billed for, item by item, and the price list. */

/** Dollars each, by the vendor's list of November 2026, beyond what a plan includes (docs/operating.md says what is not here). */
const PRICES = {
  worker_requests: 0.3e-6,
  /** Calls of Durable Objects, and their alarms. */
  object_calls: 0.15e-6,
  object_alarms: 0.15e-6,
  /** An object of 128 MB for a second: $12.50 a million GB-seconds. */
  object_seconds: 1.6e-6,
  object_rows_written: 1e-6,
  object_rows_read: 0.001e-6,
  /** A row each. */
  object_alarms_set: 1e-6,
  d1_rows_written: 1e-6,
  d1_rows_read: 0.001e-6,
  /** Writes and lists. */
  r2_class_a: 4.5e-6,
  /** Reads. */
  r2_class_b: 0.36e-6,
  /** Deletes. */
  r2_free: 0,
} as const;

export type CostItem = keyof typeof PRICES;

export const COST_ITEMS = Object.keys(PRICES) as CostItem[];

/** How many of each item. */
export type Costs = Record<CostItem, number>;

/** Who causes them: the Worker, or an object of one of the three classes. */
export const COST_CAUSES = ['worker', 'shard', 'ledger', 'control'] as const;
export type CostCause = (typeof COST_CAUSES)[number];

export type CountCost = (item: CostItem, by?: number) => void;

export function emptyCosts(): Costs {
  return Object.fromEntries(COST_ITEMS.map((item) => [item, 0])) as Costs;
}

/** Adds `other` to `sum` in place; what an older version did not count is 0. */
export function addCosts(sum: Costs, other: Partial<Costs>): Costs {
  for (const item of COST_ITEMS) sum[item] += other[item] ?? 0;
  return sum;
}

/** What so many of an item cost. */
export function dollarsOf(item: CostItem, count: number): number {
  return count * PRICES[item];
}

/** The name under which the Ledger counts an item, and `/metrics` shows it. */
export function costKey(item: CostItem, by: CostCause): string {
  return `tailrace_cost_${item}_total{by="${by}"}`;
}
