/** A trace's row in D1: its columns, and the checks that what is read is what was written. */

import * as v from 'valibot';
import { notesOf, toCompleteness } from '../model/completeness.ts';
import { DECISION_REASONS } from '../model/reasons.ts';
import { type Decision, RETENTION_CLASSES, TRACE_STATES, type TraceSummary } from '../model/span.ts';
import { StoreError } from './errors.ts';
import type { TraceDigest } from './merge.ts';
import { blockKeyOf } from './object-key.ts';

/** Where a part of a trace is: a range of a block's object that is exactly one entry. */
export interface PartPlace {
  readonly objectKey: string;
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

/** The columns of a trace. */
export interface TraceColumns extends SummaryColumns {
  readonly revision: number;
  readonly parts: string;
}

/** Those of a stored row; `search_text` is empty, or of a time when names were searched in it. */
export const ROW_COLUMNS =
  'traces.start_us, traces.trace_id, traces.duration_us, traces.status, traces.revision, traces.summary, traces.parts, traces.seq';

/** A row that was read. */
export interface StoredRow extends TraceColumns {
  /** Number of the transaction that inserted it. */
  readonly seq: number;
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/**
 * What the summary column holds: the fields that have no column of their own, as tuples. Names of fields would double the
 * row, and a row above 1,002 bytes takes a page of 4 KB to itself. A new field goes to the end of its tuple, optional.
 */
const SummaryJson = v.tuple([
  /* rootService, rootOperation */ v.string(),
  v.string(),
  /* spanCount, errorCount */ Count,
  Count,
  /* services: name, spanCount, errorCount */ v.array(v.tuple([v.string(), Count, Count])),
  v.picklist(TRACE_STATES),
  /* decision: keep, rate, reason, policy, configVersion, decidedUs, retention */ v.nullable(
    v.tuple([
      v.boolean(),
      v.number(),
      v.picklist(DECISION_REASONS),
      v.string(),
      v.number(),
      v.number(),
      v.optional(v.picklist(RETENTION_CLASSES)),
    ]),
  ),
  /* completeness: rootEnded, missingParents, openSpans, notes where there are any */
  v.tuple([
    v.boolean(),
    Count,
    Count,
    v.optional(v.array(v.picklist(['decided_early', 'limit_reached', 'parts_forgotten']))),
  ]),
  /* wholeRevision */ v.optional(v.pipe(v.number(), v.safeInteger())),
]);
type SummaryTuple = v.InferOutput<typeof SummaryJson>;
const PlacesJson = v.pipe(
  v.array(v.tuple([v.string(), Count, Count, v.pipe(v.number(), v.safeInteger())])),
  v.minLength(1),
);

/** The columns of a trace with these parts. */
export function encodeTraceRow(digest: TraceDigest, places: readonly PartPlace[]): TraceColumns {
  const { traceId, startUs, durationUs, status } = digest.summary;
  const ordered = places.toSorted(byRevision);
  return {
    start_us: startUs,
    trace_id: traceId,
    duration_us: durationUs,
    status,
    revision: digest.revision,
    summary: JSON.stringify(summaryJson(digest)),
    parts: JSON.stringify(ordered.map((place) => [place.objectKey, place.offset, place.length, place.revision])),
  };
}

/** @throws StoreError `row_corrupt` */
export function decodeSummary(row: SummaryColumns): TraceSummary {
  const json = parseColumn(row, 'summary', SummaryJson, row.summary);
  const [rootService, rootOperation, spanCount, errorCount, services, state, decided, complete] = json;
  if (row.status !== 'ok' && row.status !== 'error') {
    throw new StoreError('row_corrupt', row.trace_id, `column status: ${JSON.stringify(row.status)}`);
  }
  return {
    traceId: row.trace_id,
    rootService,
    rootOperation,
    startUs: row.start_us,
    durationUs: row.duration_us,
    spanCount,
    errorCount,
    services: services.map(([name, spans, errors]) => ({ name, spanCount: spans, errorCount: errors })),
    status: row.status,
    state,
    decision: decided && decodeDecision(decided),
    completeness: toCompleteness({
      rootEnded: complete[0],
      missingParents: complete[1],
      openSpans: complete[2],
      notes: complete[3] ?? [],
    }),
  };
}

function decodeDecision([keep, rate, reason, policy, configVersion, decidedUs, retention]: NonNullable<
  SummaryTuple[6]
>): Decision {
  return { keep, rate, reason, policy, configVersion, decidedUs, ...(retention && { retention }) };
}

function summaryJson({ summary, wholeRevision }: TraceDigest): SummaryTuple {
  const { decision, completeness } = summary;
  const decided = decision && [
    decision.keep,
    decision.rate,
    decision.reason,
    decision.policy,
    decision.configVersion,
    decision.decidedUs,
    // Absent where there is none: `null` would take bytes in every row.
    ...(decision.retention ? [decision.retention] : []),
  ];
  const tuple = [
    summary.rootService,
    summary.rootOperation,
    summary.spanCount,
    summary.errorCount,
    summary.services.map(({ name, spanCount, errorCount }) => [name, spanCount, errorCount]),
    summary.state,
    decided,
    completenessTuple(completeness),
    ...(wholeRevision === null ? [] : [wholeRevision]),
  ];
  return tuple as SummaryTuple;
}

/** @throws StoreError `row_corrupt` */
export function decodeDigest(row: TraceColumns): TraceDigest {
  return {
    revision: row.revision,
    wholeRevision: parseColumn(row, 'summary', SummaryJson, row.summary)[8] ?? null,
    summary: decodeSummary(row),
  };
}

/** The parts in the order they are read. @throws StoreError `row_corrupt` */
export function decodePlaces(row: Pick<TraceColumns, 'trace_id' | 'parts'>): PartPlace[] {
  const places = parseColumn(row, 'parts', PlacesJson, row.parts);
  return places.map(([objectKey, offset, length, revision]) => ({ objectKey, offset, length, revision }));
}

/** The order in which parts are read. */
export function byRevision(a: PartPlace, b: PartPlace): number {
  return a.revision - b.revision || (blockKeyOf(a.objectKey) < blockKeyOf(b.objectKey) ? -1 : 1);
}

/** How the text of a place in a parts column begins, up to its revision: nothing else in the column reads like it. */
export function placePrefix(objectKey: string, { offset, length }: { offset: number; length: number }): string {
  return `[${JSON.stringify(objectKey)},${offset},${length},`;
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

function completenessTuple(completeness: TraceSummary['completeness']): SummaryTuple[7] {
  const { rootEnded, missingParents, openSpans } = completeness;
  const notes = notesOf(completeness);
  // What is not there is not written either.
  return [rootEnded, missingParents, openSpans, ...(notes.length > 0 ? [notes] : [])] as SummaryTuple[7];
}
