/** A trace's row in D1: its columns, and the checks that what is read is what was written. */

import * as v from 'valibot';
import { DECISION_REASONS } from '../model/reasons.ts';
import { TRACE_STATES, type TraceSummary } from '../model/span.ts';
import { StoreError } from './errors.ts';
import type { TraceDigest } from './merge.ts';
import { formatSearchText, parseSearchText } from './search-text.ts';

/** Where a part of a trace is: a range of a block that is exactly one entry. */
export interface PartPlace {
  readonly blockKey: string;
  readonly offset: number;
  readonly length: number;
  /** Parts are read in order of revision, then block key. */
  readonly revision: number;
}

/** The columns that make a summary. */
export interface SummaryColumns {
  readonly start_us: number;
  readonly trace_id: string;
  readonly duration_us: number;
  readonly status: string;
  readonly summary: string;
}

/** All columns. */
export interface TraceColumns extends SummaryColumns {
  readonly revision: number;
  readonly search_text: string;
  readonly parts: string;
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What the summary column holds: the fields that have no column of their own. */
const SummaryJson = v.object({
  rootService: v.string(),
  rootOperation: v.string(),
  spanCount: Count,
  errorCount: Count,
  services: v.array(v.object({ name: v.string(), spanCount: Count, errorCount: Count })),
  state: v.picklist(TRACE_STATES),
  decision: v.nullable(
    v.object({
      keep: v.boolean(),
      rate: v.number(),
      reason: v.picklist(DECISION_REASONS),
      policy: v.string(),
      configVersion: v.number(),
      decidedUs: v.number(),
    }),
  ),
  completeness: v.object({ rootEnded: v.boolean(), missingParents: Count, openSpans: Count }),
});
const Status = v.picklist(['ok', 'error']);
const PlacesJson = v.pipe(
  v.array(v.tuple([v.string(), Count, Count, v.pipe(v.number(), v.safeInteger())])),
  v.minLength(1),
);

/** The columns of a trace with these parts. */
export function encodeTraceRow(digest: TraceDigest, places: readonly PartPlace[]): TraceColumns {
  const { traceId, startUs, durationUs, status, ...rest } = digest.summary;
  const ordered = places.toSorted((a, b) => a.revision - b.revision || (a.blockKey < b.blockKey ? -1 : 1));
  const services = rest.services.map((service) => service.name);
  return {
    start_us: startUs,
    trace_id: traceId,
    duration_us: durationUs,
    status,
    revision: digest.revision,
    search_text: formatSearchText(digest.operations, services),
    summary: JSON.stringify(rest),
    parts: JSON.stringify(ordered.map((place) => [place.blockKey, place.offset, place.length, place.revision])),
  };
}

/** @throws StoreError `row_corrupt` */
export function decodeSummary(row: SummaryColumns): TraceSummary {
  const json = parseColumn(row, 'summary', SummaryJson, row.summary);
  const status = v.safeParse(Status, row.status);
  if (!status.success) throw new StoreError('row_corrupt', row.trace_id, `status ${JSON.stringify(row.status)}`);
  return {
    traceId: row.trace_id,
    startUs: row.start_us,
    durationUs: row.duration_us,
    status: status.output,
    ...json,
  };
}

/** @throws StoreError `row_corrupt` */
export function decodeDigest(row: TraceColumns): TraceDigest {
  return { revision: row.revision, summary: decodeSummary(row), operations: parseSearchText(row.search_text) };
}

/** The parts in the order they are read. @throws StoreError `row_corrupt` */
export function decodePlaces(row: Pick<TraceColumns, 'trace_id' | 'parts'>): PartPlace[] {
  const places = parseColumn(row, 'parts', PlacesJson, row.parts);
  return places.map(([blockKey, offset, length, revision]) => ({ blockKey, offset, length, revision }));
}

function parseColumn<Schema extends v.GenericSchema>(
  row: { readonly trace_id: string },
  column: string,
  schema: Schema,
  text: string,
): v.InferOutput<Schema> {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (cause) {
    throw new StoreError('row_corrupt', row.trace_id, `column ${column}: ${String(cause)}`, { cause });
  }
}
