/**
 * What searches have found in a shard, frozen: each trace and where it stands, however it changes. A list is in memory until it is
 * pushed out or an hour old; once a cursor is handed out that leads to it, it is a row as well, and outlives a restart.
 */

import type { SearchOrder } from '../model/query/conditions.ts';
import { compareFound } from '../model/query/search-order.ts';
import { keyOf } from '../store/page.ts';
import type { SortKey } from '../store/store.ts';
import type { FoundTraces } from './search.ts';
import type { Steps } from './steps.ts';
import { formatWords, parseWords, type TraceWords } from './trace-words.ts';

/** As long as a cursor is good. */
const LIST_MS = 3_600_000;
/** Traces in a list: its row must stay below 2 MB. */
export const MAX_FROZEN_TRACES = 50_000;
const MAX_MEMORY_BYTES = 8 * 1024 * 1024;
const MAX_ROWS = 64;
/** Start, duration, trace id. */
const ENTRY_BYTES = 32;
const LIST_BYTES = 256;
/** About how many nanoseconds it takes to write an entry. */
const ENTRY_COST = 200;

export interface FrozenList {
  readonly madeMs: number;
  readonly order: SearchOrder;
  /** From here on there may be traces that are not in the list. */
  readonly cutAt: SortKey | null;
  readonly entries: Uint8Array;
}

type ListRow = { made_ms: number; head: string; entries: ArrayBuffer };

export class FrozenLists {
  private readonly sql: SqlStorage;
  /** By number, the oldest first. */
  private readonly lists = new Map<number, FrozenList>();
  private bytes = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS found
       (id INTEGER PRIMARY KEY, made_ms REAL NOT NULL, head TEXT NOT NULL, entries BLOB NOT NULL) STRICT`,
    );
  }

  /** `id`: a safe integer that the asker has made up. */
  add(id: number, list: FrozenList): void {
    this.remember(id, list, list.madeMs);
  }

  /** null where it is not known any more. */
  get(id: number, nowMs: number): FrozenList | null {
    const known = this.lists.get(id) ?? this.read(id);
    if (!known || nowMs - known.madeMs > LIST_MS) return null;
    if (!this.lists.has(id)) this.remember(id, known, nowMs);
    return known;
  }

  /** Makes a list outlive a restart: a row written, and one for each that it pushes out. */
  persist(id: number, { madeMs, order, cutAt, entries }: FrozenList, nowMs: number): void {
    if (this.sql.exec('SELECT 1 FROM found WHERE id = ?', id).toArray().length > 0) return;
    this.sql.exec('DELETE FROM found WHERE made_ms < ?', nowMs - LIST_MS);
    const { rows } = this.sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM found').one();
    if (rows >= MAX_ROWS) {
      this.sql.exec(
        'DELETE FROM found WHERE id IN (SELECT id FROM found ORDER BY made_ms LIMIT ?)',
        rows + 1 - MAX_ROWS,
      );
    }
    this.sql.exec(
      'INSERT INTO found (id, made_ms, head, entries) VALUES (?, ?, ?, ?)',
      id,
      madeMs,
      JSON.stringify({ order, cutAt }),
      entries,
    );
  }

  /** No cursor leads to it. */
  forget(id: number): void {
    const list = this.lists.get(id);
    if (!list) return;
    this.lists.delete(id);
    this.bytes -= list.entries.length + LIST_BYTES;
  }

  private read(id: number): FrozenList | null {
    const [row] = this.sql.exec<ListRow>('SELECT made_ms, head, entries FROM found WHERE id = ?', id).toArray();
    if (!row) return null;
    const { order, cutAt } = JSON.parse(row.head) as Pick<FrozenList, 'order' | 'cutAt'>;
    return { madeMs: row.made_ms, order, cutAt, entries: new Uint8Array(row.entries) };
  }

  private remember(id: number, list: FrozenList, nowMs: number): void {
    this.forget(id);
    this.lists.set(id, list);
    this.bytes += list.entries.length + LIST_BYTES;
    for (const [other, { madeMs }] of this.lists) {
      if (other === id || (this.bytes <= MAX_MEMORY_BYTES && nowMs - madeMs <= LIST_MS)) break;
      this.forget(other);
    }
  }
}

export function countEntries({ entries }: FrozenList): number {
  return entries.length / ENTRY_BYTES;
}

export function keyAt({ entries }: FrozenList, i: number): SortKey {
  const view = viewOf(entries);
  const at = i * ENTRY_BYTES;
  const [startUs, durationUs] = [view.getFloat64(at, true), view.getFloat64(at + 8, true)];
  return { startUs, durationUs, traceId: formatWords(wordsAt(view, at)) };
}

/** How many entries stand up to `after`, which sorts before the rest. */
export function countUpTo(list: FrozenList, after: SortKey): number {
  let [low, high] = [0, countEntries(list)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareFound(list.order, after, keyAt(list, middle)) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Which of the traces are in the list. */
export function whichAreIn({ entries }: FrozenList, traceIds: readonly string[]): boolean[] {
  const asked = new Map(traceIds.map((traceId, i) => [traceId, i]));
  // Most entries are not asked for: their ids need not become text.
  const prints = new Set(traceIds.map((traceId) => printOf(parseWords(traceId))));
  const are = traceIds.map(() => false);
  const view = viewOf(entries);
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const words = wordsAt(view, at);
    const place = prints.has(printOf(words)) ? asked.get(formatWords(words)) : undefined;
    if (place !== undefined) are[place] = true;
  }
  return are;
}

/** A list of what was found, in order. */
export async function freeze(
  order: SearchOrder,
  { found, cutAt }: FoundTraces,
  nowMs: number,
  steps: Steps,
): Promise<FrozenList> {
  const count = Math.min(found.length, MAX_FROZEN_TRACES);
  const entries = new Uint8Array(count * ENTRY_BYTES);
  const view = viewOf(entries);
  for (let i = 0, at = 0; i < count; i++, at += ENTRY_BYTES) {
    const { startUs, durationUs, words } = found[i]!;
    view.setFloat64(at, startUs, true);
    view.setFloat64(at + 8, durationUs, true);
    for (let k = 0; k < 4; k++) view.setUint32(at + 16 + 4 * k, words[k]!, true);
    steps.spend(ENTRY_COST);
    if (steps.isDue) await steps.next();
  }
  const beyond = found[MAX_FROZEN_TRACES];
  const isBeyondFirst = beyond && (cutAt === null || compareFound(order, beyond, cutAt) < 0);
  return { madeMs: nowMs, order, cutAt: isBeyondFirst ? keyOf(beyond) : cutAt, entries };
}

function printOf([w0, w1, w2, w3]: TraceWords): number {
  return w0 ^ Math.imul(w1, 3) ^ Math.imul(w2, 5) ^ Math.imul(w3, 7);
}

function viewOf(entries: Uint8Array): DataView {
  return new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
}

function wordsAt(view: DataView, at: number): TraceWords {
  return [
    view.getUint32(at + 16, true),
    view.getUint32(at + 20, true),
    view.getUint32(at + 24, true),
    view.getUint32(at + 28, true),
  ];
}
