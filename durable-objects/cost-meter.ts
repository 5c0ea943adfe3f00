/** Counts what is billed of one object, where it happens. */

import { addCosts, type CostItem, type Costs, emptyCosts } from '../model/costs.ts';

type Cursor = Pick<SqlStorageCursor<Record<string, SqlStorageValue>>, 'rowsRead' | 'rowsWritten'>;

type EventItem = Extract<CostItem, 'object_calls' | 'object_alarms'>;

export class CostMeter {
  private readonly now: () => number;
  private readonly costs = emptyCosts();
  /** Of the events under way. A cursor says what it has cost when it is used up, at the end of an event at the latest. */
  private cursors: Cursor[] = [];
  private events = 0;
  private sinceMs = 0;

  /** `now`: any clock in milliseconds. In production it stands still while code computes. */
  constructor(now: () => number) {
    this.now = now;
  }

  readonly count = (item: CostItem, by = 1): void => {
    this.costs[item] += by;
  };

  /** Has the calls of an object's storage counted. The runtime wants its own object back, so it is changed in place. */
  watch(storage: DurableObjectStorage): void {
    const { sql } = storage;
    const exec = sql.exec.bind(sql);
    sql.exec = ((query: string, ...values: unknown[]) => {
      const cursor = exec(query, ...values);
      this.cursors.push(cursor);
      return cursor;
    }) as SqlStorage['exec'];
    const setAlarm = storage.setAlarm.bind(storage);
    storage.setAlarm = (at, options) => {
      this.count('object_alarms_set');
      return setAlarm(at, options);
    };
  }

  /** Counts an event. */
  event<T>(item: EventItem, work: () => Promise<T>): Promise<T> {
    this.costs[item]++;
    return this.awake(work);
  }

  /** Counts for how long there is any work: what overlaps is billed once. */
  async awake<T>(work: () => Promise<T>): Promise<T> {
    if (this.events++ === 0) this.sinceMs = this.now();
    try {
      return await work();
    } finally {
      this.settle();
      this.events--;
    }
  }

  /** Everything so far, earlier lives included. */
  totals(): Costs {
    this.settle();
    return { ...this.costs };
  }

  /** Goes on from what an earlier life of the object had counted. */
  restore(costs: Partial<Costs>): void {
    addCosts(this.costs, costs);
  }

  private settle(): void {
    for (const { rowsRead, rowsWritten } of this.cursors) {
      this.costs.object_rows_read += rowsRead;
      this.costs.object_rows_written += rowsWritten;
    }
    this.cursors = [];
    if (this.events === 0) return;
    const nowMs = this.now();
    this.costs.object_seconds += (nowMs - this.sinceMs) / 1000;
    this.sinceMs = nowMs;
  }
}

/** Has every call of these methods of a class counted as an event. */
export function meterEvents<Api>(
  prototype: { readonly meter: CostMeter },
  items: Readonly<Record<keyof Api & string, EventItem>>,
): void {
  for (const [name, item] of Object.entries<EventItem>(items)) {
    const method = Reflect.get(prototype, name) as (...args: unknown[]) => Promise<unknown>;
    const metered = function (this: { readonly meter: CostMeter }, ...args: unknown[]) {
      return this.meter.event(item, () => method.apply(this, args));
    };
    Object.defineProperty(prototype, name, { value: metered, writable: true, configurable: true });
  }
}
