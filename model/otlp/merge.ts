/**
 * Span identity. Every hop may resend and open spans arrive again when they have ended, so one span may be in a
 * trace's bytes several times: of its versions the ended one wins over the open one, then the one with more content,
 * then the one that came first.
 */

import { formatHex } from '../ids.ts';
import { ProtoWriter } from './proto-writer.ts';
import { scanTraces } from './scan.ts';
import { writeRows } from './slice.ts';
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
  const best = new Map<string, number>();
  for (let i = 0; i < table.count; i++) {
    if (table.rejection(i) !== null) continue;
    const key = spanKey(table, i);
    const current = best.get(key);
    if (current === undefined || isBetterVersion(table, current, i)) best.set(key, i);
  }
  return Int32Array.from(best.values()).sort();
}

/** One trace's `TracesData` with one version of each span; the same bytes when nothing repeats. */
export function mergeTrace(otlp: Uint8Array): Uint8Array {
  const table = scanTraces(otlp);
  const rows = mergedRows(table);
  if (rows.length === table.count) return otlp;
  const writer = new ProtoWriter(otlp.length);
  writeRows(writer, table, rows);
  return writer.finish();
}
