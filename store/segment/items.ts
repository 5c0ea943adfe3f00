/**
 * What terms are made of, each once and as bytes: names, attribute keys, their values, pairs of a service and an operation. An
 * item is a number. It has bytes, and those of a value or a pair come after those of a first item: the key, the service.
 */

import { InternTable } from '../intern-table.ts';
import { Ints } from './ints.ts';

const CHUNK_BYTES = 64 * 1024;
/** Salts of the table; that of values and pairs is the first item on top. */
const NAME = 0;
const KEY = 1;
const AFTER = 2;
export const NO_ITEM = -1;

export interface ItemGroup {
  readonly first: number;
  /** What stands after it, in order. */
  readonly items: Int32Array;
}

export interface SortedItems {
  readonly names: Int32Array;
  readonly services: readonly ItemGroup[];
  readonly keys: readonly ItemGroup[];
}

export class Items {
  count = 0;
  /** What the item stands after: of a key itself, of a name none. */
  readonly first = new Ints();
  private readonly table = new InternTable();
  private readonly chunks: Uint8Array[] = [];
  private readonly chunk = new Ints();
  private readonly start = new Ints();
  private readonly end = new Ints();
  private used = CHUNK_BYTES;

  name(bytes: Uint8Array, start = 0, end = bytes.length): number {
    return this.intern(NAME, NO_ITEM, bytes, start, end);
  }

  key(bytes: Uint8Array, start = 0, end = bytes.length): number {
    return this.intern(KEY, NO_ITEM, bytes, start, end);
  }

  /** A value of a key, or an operation of a service. */
  after(first: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
    return this.intern(AFTER + first, first, bytes, start, end);
  }

  /** An operation of a service, by their names. */
  pair(service: number, operation: number): number {
    const { chunk, start, end } = this;
    return this.after(
      service,
      this.chunks[chunk.values[operation]!]!,
      start.values[operation]!,
      end.values[operation]!,
    );
  }

  lengthOf(item: number): number {
    return this.end.values[item]! - this.start.values[item]!;
  }

  /** Writes the item's bytes to `target` from `at` on, and returns where they end. */
  copyTo(item: number, target: Uint8Array, at: number): number {
    const chunk = this.chunks[this.chunk.values[item]!]!;
    const end = this.end.values[item]!;
    let to = at;
    for (let i = this.start.values[item]!; i < end; i++) target[to++] = chunk[i]!;
    return to;
  }

  /** All items in the order of terms: first items by length and bytes, and after each its own by their bytes. */
  sorted(): SortedItems {
    const starts = new Int32Array(this.count + 2);
    for (let item = 0; item < this.count; item++) if (!this.isKey(item)) starts[this.groupOf(item) + 1]!++;
    for (let group = 0; group <= this.count; group++) starts[group + 1]! += starts[group]!;
    const order = new Int32Array(starts[this.count + 1]!);
    const next = starts.slice();
    for (let item = 0; item < this.count; item++) if (!this.isKey(item)) order[next[this.groupOf(item)]!++] = item;

    const prefixes = new Float64Array(this.count);
    const groups: ItemGroup[] = [];
    for (let group = 0; group <= this.count; group++) {
      if (starts[group] === starts[group + 1]) continue;
      const items = order.subarray(starts[group], starts[group + 1]);
      this.readPrefixes(items, prefixes);
      items.sort((a, b) => prefixes[a]! - prefixes[b]! || this.compare(a, b));
      if (group > 0) groups.push({ first: group - 1, items });
    }
    groups.sort((a, b) => this.lengthOf(a.first) - this.lengthOf(b.first) || this.compare(a.first, b.first));
    return {
      names: order.subarray(0, starts[1]),
      services: groups.filter(({ first }) => !this.isKey(first)),
      keys: groups.filter(({ first }) => this.isKey(first)),
    };
  }

  private isKey(item: number): boolean {
    return this.first.values[item] === item;
  }

  /** Names are group 0. */
  private groupOf(item: number): number {
    return this.first.values[item]! + 1;
  }

  private compare(a: number, b: number): number {
    const bytesA = this.chunks[this.chunk.values[a]!]!;
    const bytesB = this.chunks[this.chunk.values[b]!]!;
    const startA = this.start.values[a]!;
    const startB = this.start.values[b]!;
    const lengthA = this.end.values[a]! - startA;
    const lengthB = this.end.values[b]! - startB;
    const shorter = Math.min(lengthA, lengthB);
    for (let i = 0; i < shorter; i++) {
      const difference = bytesA[startA + i]! - bytesB[startB + i]!;
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }

  /** Of each item, as a number, the first six bytes after what all begin with: they tell most apart. */
  private readPrefixes(items: Int32Array, prefixes: Float64Array): void {
    const model = this.chunks[this.chunk.values[items[0]!]!]!;
    const modelStart = this.start.values[items[0]!]!;
    let shared = this.lengthOf(items[0]!);
    for (const item of items) {
      const bytes = this.chunks[this.chunk.values[item]!]!;
      const start = this.start.values[item]!;
      shared = Math.min(shared, this.lengthOf(item));
      for (let i = 0; i < shared; i++) if (bytes[start + i] !== model[modelStart + i]) shared = i;
    }
    for (const item of items) {
      const bytes = this.chunks[this.chunk.values[item]!]!;
      const end = this.end.values[item]!;
      let at = this.start.values[item]! + shared;
      let prefix = 0;
      for (let i = 0; i < 6; i++, at++) prefix = prefix * 256 + (at < end ? bytes[at]! : 0);
      prefixes[item] = prefix;
    }
  }

  private intern(salt: number, first: number, bytes: Uint8Array, start: number, end: number): number {
    const found = this.table.find(salt, bytes, start, end);
    if (found !== -1) return found;
    const item = this.count++;
    const at = this.copy(bytes, start, end);
    this.first.push(salt === KEY ? item : first);
    this.chunk.push(this.chunks.length - 1);
    this.start.push(at);
    this.end.push(at + end - start);
    this.table.add(salt, this.chunks.at(-1)!, at, at + end - start, item);
    return item;
  }

  private copy(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.used + length > (this.chunks.at(-1)?.length ?? 0)) {
      this.chunks.push(new Uint8Array(Math.max(CHUNK_BYTES, length)));
      this.used = 0;
    }
    const at = this.used;
    const chunk = this.chunks.at(-1)!;
    for (let i = 0; i < length; i++) chunk[at + i] = bytes[start + i]!;
    this.used += length;
    return at;
  }
}
