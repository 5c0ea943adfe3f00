/**
 * Span identity. Every hop may resend and open spans arrive again when they have ended, so one span may be in a
 * trace's bytes several times: of its versions the ended one wins over the open one, then the one with more content,
 * then the one that came first.
 */

import { formatHex } from '../ids.ts';
import { scanTraces } from './scan.ts';
import { SlicePlan } from './slice.ts';
import type { SpanTable } from './span-table.ts';

/** True when row `b` of a table should stand in for row `a` of the same span. */
export function isBetterVersion(table: SpanTable, a: number, b: number): boolean {
  const aEnded = table.endUs[a]! > 0;
  const bEnded = table.endUs[b]! > 0;
  if (aEnded !== bEnded) return bEnded;
  return table.end[b]! - table.start[b]! > table.end[a]! - table.start[a]!;
}

/** OTLP's SERVER kind. */
const SERVER = 2;

/** What may follow the span id in a span's key. */
export const KEY_SUFFIXES = ['', 's', 'p', 'sp'] as const;

/**
 * Identity of row `i` within its trace: the span id as 16 hex digits, then `s` for a server span, because Zipkin's client
 * and server share one id, and `p` for a page's, because everybody has the page's key.
 */
export function spanKey(table: SpanTable, i: number): string {
  const isPage = table.resources[table.scopes[table.scope[i]!]!.resource]!.isPage;
  return spanIdOf(table, i) + (table.kind[i] === SERVER ? 's' : '') + (isPage ? 'p' : '');
}

/** The span id of row `i`, or the one at `at`, as 16 hex digits. */
export function spanIdOf(table: SpanTable, i: number, at = table.spanIdAt[i]!): string {
  return formatHex(table.bytes, at, 8);
}

/** Rows that stand after merging, ascending. All good rows must be of one trace. */
export function mergedRows(table: SpanTable): Int32Array {
  const good = table.goodRows();
  /** The best version so far of each span, the spans in the order in which they first appear. */
  const best = new Int32Array(good.length);
  let count = 0;
  let isAscending = true;
  // Open addressing: a slot holds 1 + an index into `best`.
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * good.length + 1)));
  const mask = slots.length - 1;
  for (const row of good) {
    let slot = hashSpanId(table, row) & mask;
    while (slots[slot] !== 0 && !isSameSpan(table, best[slots[slot]! - 1]!, row)) slot = (slot + 1) & mask;
    const known = slots[slot]! - 1;
    if (known === -1) {
      best[count++] = row;
      slots[slot] = count;
    } else if (isBetterVersion(table, best[known]!, row)) {
      best[known] = row;
      isAscending = false;
    }
  }
  const rows = best.subarray(0, count);
  return isAscending ? rows : rows.sort();
}

function hashSpanId({ view, spanIdAt }: SpanTable, row: number): number {
  const at = spanIdAt[row]!;
  const hash = Math.imul(view.getInt32(at, true) ^ Math.imul(view.getInt32(at + 4, true), 0x85eb_ca6b), 0x9e37_79b1);
  return hash ^ (hash >>> 15);
}

/** Compares what `spanKey` is made of. */
function isSameSpan(table: SpanTable, a: number, b: number): boolean {
  const { view, spanIdAt, kind, resources } = table;
  return (
    view.getInt32(spanIdAt[a]!) === view.getInt32(spanIdAt[b]!) &&
    view.getInt32(spanIdAt[a]! + 4) === view.getInt32(spanIdAt[b]! + 4) &&
    (kind[a] === SERVER) === (kind[b] === SERVER) &&
    resources[table.resource(a)]!.isPage === resources[table.resource(b)]!.isPage
  );
}

/** One trace's `TracesData` with one version of each span; the same bytes when nothing repeats. */
export function mergeTrace(otlp: Uint8Array): Uint8Array {
  const table = scanTraces(otlp);
  const rows = mergedRows(table);
  if (rows.length === table.count) return otlp;
  const plan = new SlicePlan(table, rows);
  const merged = new Uint8Array(plan.length);
  plan.writeTo(merged, 0);
  return merged;
}
