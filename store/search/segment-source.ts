/** The candidates of a segment: its ordinals are in the order of lists, so that those of the newest come as they are found. */

import { formatHex } from '../../model/ids.ts';
import { compareFound } from '../../model/query/search-order.ts';
import type { SegmentReader } from '../segment/open.ts';
import { Ordinals } from '../segment/ordinals.ts';
import type { PageSearch } from '../store.ts';
import type { Candidate, Stream } from './candidate.ts';

const ID_BYTES = 16;
/** Candidates of a read at least: columns are read in pages anyway. */
const MIN_READ = 64;

/** What matches, and where in time it can be. */
export interface FoundOrdinals {
  readonly ordinals: Ordinals;
  readonly from: number;
  readonly to: number;
}

/** The ordinals that match, from `from` to before `to`. */
export async function findOrdinals(reader: SegmentReader, search: PageSearch): Promise<FoundOrdinals> {
  const { startUs, order, after } = search;
  const endUs = order === 'newest' && after ? Math.min(search.endUs, after.startUs) : search.endUs;
  const { from, to } = await reader.ordinalRange(startUs, endUs);
  const ordinals = from < to ? await reader.find(search) : new Ordinals(reader.traceCount);
  return { ordinals, from, to };
}

export async function openSegmentStream(reader: SegmentReader, db: number, search: PageSearch): Promise<Stream> {
  const found = await findOrdinals(reader, search);
  const inOrder =
    search.order === 'newest'
      ? found.ordinals.iterate(found.from, found.to)
      : await slowestFirst(reader, found, search.after?.durationUs);
  const { after, order } = search;
  return {
    async next() {
      while (true) {
        const ordinals = [...take(inOrder, Math.max(MIN_READ, search.limit + 1))];
        if (ordinals.length === 0) return [];
        const candidates = await readCandidates(reader, db, ordinals);
        const ahead = candidates.filter(({ key }) => !after || compareFound(order, after, key) < 0);
        if (ahead.length > 0) return ahead;
      }
    },
  };
}

async function readCandidates(reader: SegmentReader, db: number, ordinals: readonly number[]): Promise<Candidate[]> {
  const from = Math.min(...ordinals);
  const to = Math.max(...ordinals) + 1;
  const [ids, starts, durations] = await Promise.all([
    reader.readIds(from, to),
    reader.readStarts(from, to),
    reader.readDurations(from, to),
  ]);
  return ordinals.map((ordinal) => {
    const i = ordinal - from;
    const traceId = formatHex(ids, i * ID_BYTES, ID_BYTES);
    const key = { startUs: starts[i]!, durationUs: durations[i]!, traceId };
    return { key, db, row: null, isExact: true, before: null };
  });
}

async function slowestFirst(
  reader: SegmentReader,
  { ordinals, from, to }: FoundOrdinals,
  maxDurationUs = Number.POSITIVE_INFINITY,
): Promise<Iterator<number>> {
  const durations = await reader.readDurations(from, to);
  // Of equal ones the lower ordinal is the newer trace.
  return [...ordinals.iterate(from, to)]
    .filter((ordinal) => durations[ordinal - from]! <= maxDurationUs)
    .sort((a, b) => durations[b - from]! - durations[a - from]! || a - b)
    .values();
}

function* take(numbers: Iterator<number>, count: number): Generator<number> {
  for (let i = 0; i < count; i++) {
    const { done, value } = numbers.next();
    if (done) return;
    yield value;
  }
}
