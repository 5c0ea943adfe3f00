/**
 * What a closed bucket knows of its traces: entries of trace id and place, grouped by a few bits of the id, so that a
 * look-up reads a few hundred bytes and building takes linear time. `docs/log-format.md` has the layout.
 */

import { grown } from './columns/grown.ts';

/** `TRI1`, read as a little-endian number. */
const MAGIC = 0x31495254;
const HEADER_BYTES = 12;
const ID_BYTES = 16;
const ENTRY_BYTES = 28;
/** Entries a group has on average, at most. */
const GROUP_ENTRIES = 16;
const MAX_GROUP_BITS = 14;

/** A place without its bucket. */
export interface RowRange {
  readonly row: number;
  readonly start: number;
  readonly end: number;
}

/** Reads a range of the encoded index. */
export type ReadRange = (start: number, end: number) => Uint8Array;

export type VisitId = (w0: number, w1: number, w2: number, w3: number) => void;

/** Collects the entries of the current bucket. */
export class IndexBuilder {
  private ids = new Uint32Array(4 * 256);
  private places = new Uint32Array(3 * 256);
  count = 0;

  add(w0: number, w1: number, w2: number, w3: number, row: number, start: number, end: number): void {
    const i = this.count++;
    if (i * 4 === this.ids.length) {
      this.ids = grown(this.ids, this.ids.length * 2);
      this.places = grown(this.places, this.places.length * 2);
    }
    this.ids[i * 4] = w0;
    this.ids[i * 4 + 1] = w1;
    this.ids[i * 4 + 2] = w2;
    this.ids[i * 4 + 3] = w3;
    this.places[i * 3] = row;
    this.places[i * 3 + 1] = start;
    this.places[i * 3 + 2] = end;
  }

  /** The entries of a trace in order. Looks at all. */
  find(w0: number, w1: number, w2: number, w3: number): RowRange[] {
    const found: RowRange[] = [];
    for (let i = 0; i < this.count; i++) if (this.isAt(i, w0, w1, w2, w3)) found.push(this.at(i));
    return found;
  }

  /** Entry `i` when it is of this trace, else null. */
  get(i: number, w0: number, w1: number, w2: number, w3: number): RowRange | null {
    return i < this.count && this.isAt(i, w0, w1, w2, w3) ? this.at(i) : null;
  }

  /** Calls back with the id of every entry. */
  forEachId(visit: VisitId): void {
    const { ids } = this;
    for (let at = 0; at < this.count * 4; at += 4) visit(ids[at]!, ids[at + 1]!, ids[at + 2]!, ids[at + 3]!);
  }

  clear(): void {
    this.count = 0;
  }

  encode(): Uint8Array {
    const bits = groupBits(this.count);
    const starts = new Uint32Array((1 << bits) + 1);
    for (let i = 0; i < this.count; i++) starts[groupOf(this.ids[i * 4 + 3]!, bits) + 1]!++;
    for (let group = 0; group < 1 << bits; group++) starts[group + 1]! += starts[group]!;
    const tableBytes = starts.length * 4;
    const bytes = new Uint8Array(HEADER_BYTES + tableBytes + this.count * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, bits, true);
    view.setUint32(8, this.count, true);
    for (let i = 0; i < starts.length; i++) view.setUint32(HEADER_BYTES + i * 4, starts[i]!, true);
    for (let i = 0; i < this.count; i++) {
      const at = HEADER_BYTES + tableBytes + starts[groupOf(this.ids[i * 4 + 3]!, bits)]!++ * ENTRY_BYTES;
      for (let word = 0; word < 4; word++) view.setUint32(at + word * 4, this.ids[i * 4 + word]!, true);
      for (let word = 0; word < 3; word++) view.setUint32(at + ID_BYTES + word * 4, this.places[i * 3 + word]!, true);
    }
    return bytes;
  }

  private isAt(i: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const { ids } = this;
    return ids[i * 4 + 3] === w3 && ids[i * 4 + 2] === w2 && ids[i * 4 + 1] === w1 && ids[i * 4] === w0;
  }

  private at(i: number): RowRange {
    return { row: this.places[i * 3]!, start: this.places[i * 3 + 1]!, end: this.places[i * 3 + 2]! };
  }
}

/** The entries of one trace in an encoded index, in the order in which they were added. */
export function findInIndex(read: ReadRange, w0: number, w1: number, w2: number, w3: number): RowRange[] {
  const { bits, entriesAt } = readHeader(read);
  const at = HEADER_BYTES + groupOf(w3, bits) * 4;
  const range = words(read(at, at + 8));
  const from = range[0]!;
  const to = range[1]!;
  if (from === to) return [];
  const entries = words(read(entriesAt + from * ENTRY_BYTES, entriesAt + to * ENTRY_BYTES));
  const found: RowRange[] = [];
  for (let i = 0; i < entries.length; i += 7) {
    if (entries[i] !== w0 || entries[i + 1] !== w1 || entries[i + 2] !== w2 || entries[i + 3] !== w3) continue;
    found.push({ row: entries[i + 4]!, start: entries[i + 5]!, end: entries[i + 6]! });
  }
  return found;
}

/** Calls back with the id of every entry. */
export function forEachId(read: ReadRange, visit: VisitId): void {
  const { entriesAt, count } = readHeader(read);
  const step = 32_768;
  for (let i = 0; i < count; i += step) {
    const entries = words(read(entriesAt + i * ENTRY_BYTES, entriesAt + Math.min(count, i + step) * ENTRY_BYTES));
    for (let at = 0; at < entries.length; at += 7) {
      visit(entries[at]!, entries[at + 1]!, entries[at + 2]!, entries[at + 3]!);
    }
  }
}

function readHeader(read: ReadRange): { bits: number; count: number; entriesAt: number } {
  const header = words(read(0, HEADER_BYTES));
  if (header[0] !== MAGIC) throw new RangeError(`log index begins with ${header[0]!.toString(16)}`);
  const bits = header[1]!;
  return { bits, count: header[2]!, entriesAt: HEADER_BYTES + ((1 << bits) + 1) * 4 };
}

function groupBits(count: number): number {
  return Math.min(MAX_GROUP_BITS, Math.max(0, Math.ceil(Math.log2(count / GROUP_ENTRIES))));
}

/** Trace ids are random in their last bytes, as sampling requires; where they are not, groups are uneven. */
function groupOf(w3: number, bits: number): number {
  return bits === 0 ? 0 : Math.imul(w3, 0x9e3779b1) >>> (32 - bits);
}

/** Little-endian words, which is what all machines this runs on have. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
