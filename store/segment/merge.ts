import { formatHex } from '../../model/ids.ts';
import { compareBytes } from '../../model/query/value.ts';
import { TRACE_ID_BYTES } from '../block-entry.ts';
import { InternTable } from '../intern-table.ts';
import { makeColumns } from './build.ts';
import { DataBlockReader, DataBlockWriter } from './data-block.ts';
import { Ints } from './ints.ts';
import { Ordinals } from './ordinals.ts';
import type { Columns, Segment } from './segment.ts';

/** In place of the number of a trace that is not kept; what is not in the table is -1. */
const GONE = -2;

/**
 * One segment of several: of a trace that is in more than one, all terms and the facts of the last. Traces that `keep` does not want
 * go, and with them the values that only they had.
 *
 * Data blocks are read and written one at a time. Of 65,536 traces of eight spans with six attributes, the segments are 11 MB and the
 * result is as large; what it takes beside these is less than 25 MB.
 * @throws SegmentError for damaged terms; RangeError for more traces than a segment may have
 */
export function mergeSegments(segments: readonly Segment[], keep: (traceId: string) => boolean): Segment {
  const { columns, ordinals } = mergeColumns(segments, keep);
  const traceCount = columns.starts.length;
  const writer = new DataBlockWriter(traceCount);
  const union = new Union(traceCount);
  const cursors = new TermHeap(segments.map((segment, i) => new TermCursor(segment, ordinals[i]!)));
  let key = new Uint8Array(512);
  for (let least = cursors.top; least !== undefined; least = cursors.top) {
    const { keyLength } = least;
    if (key.length < keyLength) key = new Uint8Array(2 * keyLength);
    for (let i = 0; i < keyLength; i++) key[i] = least.key[i]!;
    for (let same: TermCursor | undefined = least; same?.compare(key, keyLength) === 0; same = cursors.top) {
      same.addTo(union);
      cursors.advanceTop();
    }
    const { values, length } = union.take();
    if (length > 0) writer.add(key, keyLength, values, 0, length);
  }
  return { traceCount, columns, blocks: writer.finish() };
}

/** The columns of all traces, and what each segment's ordinals are among them: -1 of those that go. */
function mergeColumns(
  segments: readonly Segment[],
  keep: (traceId: string) => boolean,
): { columns: Columns; ordinals: Int32Array[] } {
  const numberOf = new InternTable();
  /** Of each trace, by its number: the segment that its facts are of, and the ordinal there. */
  const segmentOf = new Ints();
  const placeOf = new Ints();
  const ordinals = segments.map(({ columns: { ids }, traceCount }, segment) => {
    const numbers = new Int32Array(traceCount);
    for (let place = 0; place < traceCount; place++) {
      const start = place * TRACE_ID_BYTES;
      const end = start + TRACE_ID_BYTES;
      let number = numberOf.find(0, ids, start, end);
      if (number === -1) {
        number = keep(formatHex(ids, start, TRACE_ID_BYTES)) ? segmentOf.length : GONE;
        numberOf.add(0, ids, start, end, number);
        if (number !== GONE) {
          segmentOf.push(segment);
          placeOf.push(place);
        }
      }
      numbers[place] = number;
      if (number === GONE) continue;
      segmentOf.values[number] = segment;
      placeOf.values[number] = place;
    }
    return numbers;
  });

  const traceCount = segmentOf.length;
  const columns = makeColumns(traceCount);
  const startOf = (number: number) => segments[segmentOf.values[number]!]!.columns.starts[placeOf.values[number]!]!;
  const idOf = (number: number) => {
    const start = placeOf.values[number]! * TRACE_ID_BYTES;
    return segments[segmentOf.values[number]!]!.columns.ids.subarray(start, start + TRACE_ID_BYTES);
  };
  const order = Int32Array.from({ length: traceCount }, (_, number) => number);
  order.sort((a, b) => startOf(b) - startOf(a) || compareBytes(idOf(b), idOf(a)));
  const ordinalOf = new Int32Array(traceCount);
  for (const [ordinal, number] of order.entries()) {
    const from = segments[segmentOf.values[number]!]!.columns;
    const place = placeOf.values[number]!;
    ordinalOf[number] = ordinal;
    columns.ids.set(idOf(number), ordinal * TRACE_ID_BYTES);
    columns.starts[ordinal] = from.starts[place]!;
    columns.durations[ordinal] = from.durations[place]!;
    columns.errors[ordinal] = from.errors[place]!;
  }
  for (const numbers of ordinals) {
    for (let i = 0; i < numbers.length; i++) numbers[i] = numbers[i] === GONE ? -1 : ordinalOf[numbers[i]!]!;
  }
  return { columns, ordinals };
}

/** The terms of one segment, in order, with their ordinals as they are after the merge. */
class TermCursor {
  private readonly segment: Segment;
  private readonly ordinals: Int32Array;
  private block = 0;
  private reader: DataBlockReader | null = null;
  private readonly traces = new Ints();

  constructor(segment: Segment, ordinals: Int32Array) {
    this.segment = segment;
    this.ordinals = ordinals;
  }

  /** False after the last term. */
  next(): boolean {
    while (!this.reader?.next()) {
      const block = this.segment.blocks[this.block++];
      if (block === undefined) return false;
      this.reader = new DataBlockReader(block.bytes, this.segment.traceCount);
    }
    return true;
  }

  get key(): Uint8Array {
    return this.reader!.key;
  }

  get keyLength(): number {
    return this.reader!.keyLength;
  }

  compare(key: Uint8Array, keyLength: number): number {
    return this.reader!.compareKey(key, keyLength);
  }

  addTo(union: Union): void {
    const { count } = this.reader!;
    this.traces.reserve(count);
    this.reader!.copyTo(this.traces.values);
    for (let i = 0; i < count; i++) {
      const ordinal = this.ordinals[this.traces.values[i]!]!;
      if (ordinal >= 0) union.add(ordinal);
    }
  }
}

/** Cursors of which the one with the least key is on top, as a binary heap. */
class TermHeap {
  private readonly cursors: TermCursor[];

  constructor(cursors: readonly TermCursor[]) {
    this.cursors = cursors.filter((cursor) => cursor.next());
    for (let i = this.cursors.length >> 1; i >= 0; i--) this.sink(i);
  }

  get top(): TermCursor | undefined {
    return this.cursors[0];
  }

  /** Goes on to the next term of the cursor on top. */
  advanceTop(): void {
    if (!this.cursors[0]!.next()) {
      const last = this.cursors.pop()!;
      if (this.cursors.length > 0) this.cursors[0] = last;
    }
    this.sink(0);
  }

  private sink(from: number): void {
    const { cursors } = this;
    for (let at = from; ; ) {
      let least = 2 * at + 1;
      if (least >= cursors.length) return;
      if (least + 1 < cursors.length && isBefore(cursors[least + 1]!, cursors[least]!)) least++;
      if (!isBefore(cursors[least]!, cursors[at]!)) return;
      [cursors[at], cursors[least]] = [cursors[least]!, cursors[at]!];
      at = least;
    }
  }
}

function isBefore(a: TermCursor, b: TermCursor): boolean {
  return a.compare(b.key, b.keyLength) < 0;
}

/** Ordinals that come in any order and more than once. */
class Union {
  private readonly traceCount: number;
  private readonly ordinals = new Ints();
  private readonly bits: Ordinals;
  private isAscending = true;

  constructor(traceCount: number) {
    this.traceCount = traceCount;
    this.bits = new Ordinals(traceCount);
  }

  add(ordinal: number): void {
    const { ordinals } = this;
    if (ordinals.length > 0 && ordinals.values[ordinals.length - 1]! >= ordinal) this.isAscending = false;
    ordinals.push(ordinal);
  }

  /** All there are, ascending and once each, valid until the next `add`. Then it is empty. */
  take(): { values: Int32Array; length: number } {
    const { ordinals } = this;
    const { values } = ordinals;
    let { length } = ordinals;
    if (!this.isAscending) {
      // Of many, setting a bit each costs less than sorting.
      if (length > this.traceCount >> 5) length = this.sortAsBits();
      else {
        values.subarray(0, length).sort();
        length = dropRepeated(values, length);
      }
    }
    ordinals.length = 0;
    this.isAscending = true;
    return { values, length };
  }

  private sortAsBits(): number {
    const { bits } = this;
    const { values, length } = this.ordinals;
    for (let i = 0; i < length; i++) bits.add(values[i]!);
    let count = 0;
    for (const ordinal of bits.iterate()) values[count++] = ordinal;
    bits.words.fill(0);
    return count;
  }
}

/** Moves the different ones of sorted values to the front, and returns how many there are. */
function dropRepeated(values: Int32Array, length: number): number {
  let count = 0;
  for (let i = 0; i < length; i++) if (i === 0 || values[i] !== values[i - 1]) values[count++] = values[i]!;
  return count;
}
