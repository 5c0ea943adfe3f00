/** Where the traces of a search can be: segments, blocks that none of them covers, and what has changed since the snapshot. */

import type { TraceConditions } from '../../model/query/conditions.ts';
import { matchesFacts } from '../../model/query/matches-search.ts';
import { compareFound } from '../../model/query/search-order.ts';
import {
  type BlockColumns,
  decodeBlocks,
  type LateColumns,
  selectBlocks,
  selectLateParts,
  type UncoveredBlock,
} from '../d1-find-blocks.ts';
import { decodeSegmentRow, type SegmentColumns, type SegmentRow, selectSegments } from '../d1-segments.ts';
import { walkRows } from '../d1-walk.ts';
import { orCorruptSegment } from '../r2-segments.ts';
import type { SegmentReader } from '../segment/open.ts';
import type { PageSearch } from '../store.ts';
import { keyOfRow, openBlockStream } from './block-source.ts';
import { type Candidate, type Source, streamOf } from './candidate.ts';
import { neededTerms } from './needed-terms.ts';
import { openSegmentStream } from './segment-source.ts';
import {
  type Change,
  type ChangeColumns,
  decodeChanges,
  type PresentColumns,
  type Snapshot,
  selectChanges,
  selectPresent,
} from './snapshot.ts';

/** What one database has to search. */
export interface Places {
  readonly segments: readonly SegmentRow[];
  readonly blocks: readonly UncoveredBlock[];
  /** By trace id. */
  readonly changes: ReadonlyMap<string, Change>;
  readonly present: PresentColumns;
}

/**
 * Those in the range of time that may have what matches, and what has changed since transaction `since`, as of one moment.
 * @throws what D1 threw
 */
export async function readPlaces(
  db: D1Database,
  search: PageSearch,
  since: number | null,
  isWalk: boolean,
): Promise<Places> {
  const [present, changes, blocks, late, segments] = await db.batch([
    selectPresent(db),
    selectChanges(db, since ?? Number.MAX_SAFE_INTEGER),
    ...(isWalk ? [] : [selectBlocks(db, search, neededTerms(search)), selectLateParts(db), selectSegments(db, search)]),
  ]);
  return {
    present: present!.results[0] as PresentColumns,
    changes: decodeChanges(changes!.results as ChangeColumns[]),
    blocks: decodeBlocks((blocks?.results ?? []) as BlockColumns[], (late?.results ?? []) as LateColumns[]),
    segments: ((segments?.results ?? []) as SegmentColumns[]).map(decodeSegmentRow),
  };
}

/** The moment of which they are. */
export function presentOf(places: readonly Places[]): Snapshot {
  return { atS: places[0]!.present.now_s, seqs: places.map(({ present }) => present.value) };
}

/** A search that only asks for a time: the rows are in its order. */
export function isWalk({ order, ...search }: PageSearch): boolean {
  return order === 'newest' && !hasConditions(search);
}

function hasConditions({ attributes, ...rest }: TraceConditions): boolean {
  const { service, operation, rootService, rootOperation, minDurationUs, maxDurationUs, status } = rest;
  const one = [service, operation, rootService, rootOperation, minDurationUs, maxDurationUs, status];
  return attributes.length > 0 || one.some((condition) => condition !== undefined);
}

export interface Shelf {
  readonly db: number;
  readonly database: D1Database;
  readonly bucket: R2Bucket;
  readonly openSegment: (row: SegmentRow) => Promise<SegmentReader>;
}

/** Facts of a trace with rows in several databases are those of all of them together. */
function withoutFacts({ minDurationUs: _, maxDurationUs: __, status: ___, ...rest }: PageSearch): PageSearch {
  return rest;
}

/** All places of a database. `isAlone`: it is the only one. */
export function sourcesOf(
  { db, database, bucket, openSegment }: Shelf,
  places: Places,
  search: PageSearch,
  isAlone: boolean,
): Source[] {
  return [
    ...places.segments.map((row) => ({
      lastStartUs: row.maxStartUs,
      open: () =>
        orCorruptSegment(row.segmentKey, async () => {
          const stream = await openSegmentStream(await openSegment(row), db, isAlone ? search : withoutFacts(search));
          return { next: () => orCorruptSegment(row.segmentKey, stream.next) };
        }),
    })),
    ...places.blocks.map((block) => ({
      // What other blocks have of a trace may start later.
      lastStartUs: block.manyParts.size > 0 ? search.endUs : block.maxStartUs,
      open: () => openBlockStream(database, bucket, db, block, search),
    })),
  ];
}

/** The rows of a database one after the other. */
export function walkOf({ db, database }: Shelf, search: PageSearch): Source {
  let { after } = search;
  let isOver = false;
  const stream = {
    async next() {
      if (isOver) return [];
      const { startUs, endUs, limit } = search;
      const rows = await walkRows(database, { startUs, endUs, ...(after && { after }), limit: limit + 1 });
      isOver = rows.length <= limit;
      if (rows.length > 0) after = keyOfRow(rows.at(-1)!);
      return rows.map((row): Candidate => ({ key: keyOfRow(row), db, row, isExact: true, before: null }));
    },
  };
  return { lastStartUs: search.endUs, open: async () => stream };
}

/** What has changed since the snapshot, where it was then. */
export function changedSource(db: number, changes: ReadonlyMap<string, Change>, search: PageSearch): Source {
  const candidates = changedCandidates(db, changes, search);
  return { lastStartUs: search.endUs, open: async () => streamOf(candidates) };
}

/** The same, in order. */
export function changedCandidates(db: number, changes: ReadonlyMap<string, Change>, search: PageSearch): Candidate[] {
  const { order, after } = search;
  return [...changes.values()]
    .filter(({ facts }) => matchesFacts(facts, search))
    .map(({ key, facts }): Candidate => ({ key, db, row: null, isExact: false, before: facts }))
    .filter(({ key }) => !after || compareFound(order, after, key) < 0)
    .sort((a, b) => compareFound(order, a.key, b.key));
}
