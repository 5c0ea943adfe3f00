/** The candidates of a block that no segment covers yet: its terms say which of its traces may match. */

import { compareFound } from '../../model/query/search-order.ts';
import type { UncoveredBlock } from '../d1-find-blocks.ts';
import { readRows } from '../d1-traces.ts';
import { StoreError } from '../errors.ts';
import { findInTerms } from '../find-in-terms.ts';
import { readSections } from '../r2-sections.ts';
import type { PageSearch } from '../store.ts';
import type { StoredRow } from '../trace-row.ts';
import { type Candidate, type Stream, streamOf } from './candidate.ts';

export async function openBlockStream(
  database: D1Database,
  bucket: R2Bucket,
  db: number,
  block: UncoveredBlock,
  search: PageSearch,
): Promise<Stream> {
  const { exact, unsure } = await findInBlock(bucket, block, search);
  const rows = await readRows(database, [...exact, ...unsure]);
  const { order, after } = search;
  const candidates = rows
    .map((row): Candidate => ({ key: keyOfRow(row), db, row, isExact: exact.has(row.trace_id), before: null }))
    .filter(({ key }) => key.startUs >= search.startUs && key.startUs <= search.endUs)
    .filter(({ key }) => !after || compareFound(order, after, key) < 0)
    .sort((a, b) => compareFound(order, a.key, b.key));
  return streamOf(candidates);
}

export function keyOfRow({ start_us, duration_us, trace_id }: StoredRow): Candidate['key'] {
  return { startUs: start_us, durationUs: duration_us, traceId: trace_id };
}

/** Traces by what is known of them: that they match as far as spans go, and that they may. */
async function findInBlock(
  bucket: R2Bucket,
  { objectKey, manyParts }: UncoveredBlock,
  search: PageSearch,
): Promise<{ exact: ReadonlySet<string>; unsure: ReadonlySet<string> }> {
  const sections = await readSections(bucket, objectKey).catch((error: unknown) => {
    // Traces that left it have a row that names another object; those that are damaged cannot be shown anyway.
    if (error instanceof StoreError && error.fault !== 'unavailable') return null;
    throw error;
  });
  if (sections === null) return { exact: new Set(), unsure: new Set() };
  const ids = [...sections.index.keys()];
  const { terms } = sections;
  const isUsable = terms !== null && terms.traceCount === ids.length;
  const found = isUsable ? findInTerms(terms, search) : { places: ids.keys(), isExact: false };
  const exact = new Set<string>();
  const unsure = new Set(ids.filter((id) => manyParts.has(id)));
  for (const place of found.places) {
    const id = ids[place]!;
    if (found.isExact && !unsure.has(id)) exact.add(id);
    else unsure.add(id);
  }
  return { exact, unsure };
}
