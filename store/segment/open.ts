/** Searches a segment that is somewhere else, by range reads of what the search needs. */

import type { TraceConditions } from '../../model/query/conditions.ts';
import { compareBytes } from '../../model/query/value.ts';
import { type Clause, toClauses } from './clauses.ts';
import { DataBlockReader } from './data-block.ts';
import {
  COLUMNS,
  type ColumnName,
  checkBlock,
  checkPage,
  countPages,
  decodeIndex,
  decodeTrailer,
  PAGE_TRACES,
  pagePlace,
  type SegmentIndex,
  TRAILER_BYTES,
} from './format.ts';
import { Ordinals } from './ordinals.ts';
import { SegmentError } from './segment-error.ts';

/** What is read to open a segment. */
const TAIL_BYTES = 64 * 1024;
/** Clauses that together take so much are read at the same time; a larger one waits for what the others leave. */
const MAX_PARALLEL_BYTES = 128 * 1024;
/** Data blocks of one read. */
const MAX_READ_BYTES = 2 * 1024 * 1024;

export type Range = { readonly offset: number; readonly length: number } | { readonly suffix: number };

/** Reads bytes of the segment; `size` is that of all of it. A suffix longer than that is all of it. */
export type ReadRange = (range: Range) => Promise<{ readonly bytes: Uint8Array; readonly size: number }>;

/** @throws SegmentError, or what `read` throws */
export async function openSegment(read: ReadRange): Promise<SegmentReader> {
  const { bytes: tail, size } = await read({ suffix: TAIL_BYTES });
  const trailer = decodeTrailer(tail, size);
  const { indexOffset, indexLength } = trailer;
  const start = tail.length - TRAILER_BYTES - indexLength;
  const section =
    start >= 0
      ? tail.subarray(start, start + indexLength)
      : await readExactly(read, { offset: indexOffset, length: indexLength });
  return new SegmentReader(read, decodeIndex(section, trailer));
}

export class SegmentReader {
  readonly traceCount: number;
  private readonly read: ReadRange;
  private readonly index: SegmentIndex;

  constructor(read: ReadRange, index: SegmentIndex) {
    this.read = read;
    this.index = index;
    this.traceCount = index.traceCount;
  }

  /** The traces that meet the conditions, as `matchesSearch` says. @throws SegmentError, or what reading throws */
  async find(conditions: TraceConditions): Promise<Ordinals> {
    const found = Ordinals.all(this.traceCount);
    const plans = toClauses(conditions)
      .map((clause) => this.plan(clause))
      .sort((a, b) => a.bytes - b.bytes);
    for (let i = 0; i < plans.length && !found.isEmpty; ) {
      let bytes = plans[i]!.bytes;
      let end = i + 1;
      while (end < plans.length && bytes + plans[end]!.bytes <= MAX_PARALLEL_BYTES) bytes += plans[end++]!.bytes;
      for (const passing of await Promise.all(plans.slice(i, end).map((plan) => this.evaluate(plan)))) {
        found.intersect(passing);
      }
      i = end;
    }
    await this.compareColumns(found, conditions);
    return found;
  }

  /** Traces that start in a range, bounds included: ordinals from `from` to `to` - 1. */
  async ordinalRange(startUs: number, endUs: number): Promise<{ from: number; to: number }> {
    const [from, to] = await Promise.all([
      this.firstWith((start) => start <= endUs),
      this.firstWith((start) => start < startUs),
    ]);
    return { from, to: Math.max(from, to) };
  }

  /** The ids of ordinals `from` to `to` - 1, 16 bytes each. */
  readIds(from: number, to: number): Promise<Uint8Array> {
    return this.readColumn('ids', from, to);
  }

  async readStarts(from: number, to: number): Promise<Float64Array> {
    return new Float64Array((await this.readColumn('starts', from, to)).buffer);
  }

  async readDurations(from: number, to: number): Promise<Float64Array> {
    return new Float64Array((await this.readColumn('durations', from, to)).buffer);
  }

  /** Where the terms of a clause can be. */
  private plan(clause: Clause): Plan {
    const stretches: Stretch[] = [];
    for (const { from, to } of clause) {
      const first = Math.max(0, this.countBlocks((key) => compareBytes(key, from) <= 0) - 1);
      const end = this.countBlocks((key) => compareBytes(key, to) < 0);
      const last = stretches.at(-1);
      // Ranges are in order, and may have a block in common.
      if (last && first <= last.end) last.end = Math.max(last.end, end);
      else if (first < end) stretches.push({ first, end });
    }
    const bytes = stretches.reduce((sum, { first, end }) => sum + this.stretchBytes(first, end), 0);
    return { clause, stretches, bytes };
  }

  /** How many data blocks begin with a key that passes; those that do come first. */
  private countBlocks(passes: (firstKey: Uint8Array) => boolean): number {
    const { blocks } = this.index;
    let from = 0;
    let to = blocks.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (passes(blocks[middle]!.firstKey)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  private stretchBytes(first: number, end: number): number {
    const last = this.index.blocks[end - 1]!;
    return last.offset + last.length - this.index.blocks[first]!.offset;
  }

  /** The traces that pass a clause. Its stretches are read at the same time, each in pieces. */
  private async evaluate({ clause, stretches }: Plan): Promise<Ordinals> {
    const passing = new Ordinals(this.traceCount);
    const scanStretch = async ({ first, end }: Stretch) => {
      for (let from = first, to = first; from < end; from = to) {
        to = from + 1;
        while (to < end && this.stretchBytes(from, to + 1) <= MAX_READ_BYTES) to++;
        await this.scanBlocks(from, to, clause, passing);
      }
    };
    await Promise.all(stretches.map(scanStretch));
    return passing;
  }

  private async scanBlocks(first: number, end: number, clause: Clause, passing: Ordinals): Promise<void> {
    const { offset } = this.index.blocks[first]!;
    const bytes = await readExactly(this.read, { offset, length: this.stretchBytes(first, end) });
    for (const place of this.index.blocks.slice(first, end)) {
      const start = place.offset - offset;
      scanBlock(checkBlock(bytes.subarray(start, start + place.length), place), clause, passing);
    }
  }

  /** Takes out of `found` what has another duration or status than the conditions want. */
  private async compareColumns(found: Ordinals, conditions: TraceConditions): Promise<void> {
    const { minDurationUs = 0, maxDurationUs = Number.POSITIVE_INFINITY, status } = conditions;
    const from = found.first();
    const to = found.last() + 1;
    const isTimed = conditions.minDurationUs !== undefined || conditions.maxDurationUs !== undefined;
    const [durations, errors] = await Promise.all([
      isTimed && from < to ? this.readDurations(from, to) : null,
      status !== undefined && from < to ? this.readColumn('errors', from, to) : null,
    ]);
    const wantsErrors = Number(status === 'error');
    for (const ordinal of found.iterate()) {
      const duration = durations?.[ordinal - from];
      if (duration !== undefined && (duration < minDurationUs || duration > maxDurationUs)) found.remove(ordinal);
      if (errors && errors[ordinal - from] !== wantsErrors) found.remove(ordinal);
    }
  }

  /** The first ordinal whose start passes, where all after it do too; the number of traces when none does. */
  private async firstWith(passes: (startUs: number) => boolean): Promise<number> {
    const next = this.index.pageStarts.findIndex(passes);
    const page = (next === -1 ? this.index.pageStarts.length : next) - 1;
    if (page < 0) return 0;
    const from = page * PAGE_TRACES;
    const to = Math.min(from + PAGE_TRACES, this.traceCount);
    const within = (await this.readStarts(from, to)).findIndex(passes);
    return within === -1 ? to : from + within;
  }

  /** A column's bytes for ordinals `from` to `to` - 1, which are in one buffer of their own. */
  private async readColumn(name: ColumnName, from: number, to: number): Promise<Uint8Array> {
    if (from < 0 || to > this.traceCount)
      throw new RangeError(`segment: ordinals ${from} to ${to} of ${this.traceCount}`);
    const width = COLUMNS[name];
    const values = new Uint8Array(Math.max(0, to - from) * width);
    if (to <= from) return values;
    const pages = { first: Math.floor(from / PAGE_TRACES), end: countPages(to) };
    const { offset } = pagePlace(this.traceCount, name, pages.first);
    const last = pagePlace(this.traceCount, name, pages.end - 1);
    const bytes = await readExactly(this.read, { offset, length: last.offset + last.length - offset });
    for (let page = pages.first; page < pages.end; page++) {
      const place = pagePlace(this.traceCount, name, page);
      const start = place.offset - offset;
      const payload = checkPage(bytes.subarray(start, start + place.length), `page ${page} of ${name}`);
      const skipped = Math.max(0, from - page * PAGE_TRACES);
      const wanted = payload.subarray(skipped * width, (to - page * PAGE_TRACES) * width);
      values.set(wanted, (page * PAGE_TRACES + skipped - from) * width);
    }
    return values;
  }
}

interface Stretch {
  readonly first: number;
  end: number;
}

interface Plan {
  readonly clause: Clause;
  readonly stretches: readonly Stretch[];
  readonly bytes: number;
}

/** Adds to `passing` what has terms of the clause. */
function scanBlock(block: Uint8Array, clause: Clause, passing: Ordinals): void {
  const reader = new DataBlockReader(block, passing.size);
  let range = 0;
  while (reader.next()) {
    while (range < clause.length && reader.compareKey(clause[range]!.to) >= 0) range++;
    if (range === clause.length) return;
    if (reader.compareKey(clause[range]!.from) >= 0) reader.addTo(passing);
  }
}

/** @throws SegmentError when fewer bytes come than were asked for */
async function readExactly(read: ReadRange, range: { offset: number; length: number }): Promise<Uint8Array> {
  const { bytes } = await read(range);
  if (bytes.length !== range.length) {
    throw new SegmentError('bad_length', `${bytes.length} bytes instead of ${range.length} at ${range.offset}`);
  }
  return bytes;
}
