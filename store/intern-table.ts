/** A hash table from ranges of bytes to small numbers, without an object or a string for each. Open addressing, linear probing. */

const START_ENTRIES = 2_048;
/** Of an entry: hash, salt, start, end, value. */
const FIELDS = 5;

/** The same bytes under another salt are another entry. Arrays that were added must not change. */
export class InternTable {
  /** Numbers of entries, -1 where there is none; twice as many as entries fit. */
  private slots = new Int32Array(2 * START_ENTRIES).fill(-1);
  private fields = new Int32Array(FIELDS * START_ENTRIES);
  private readonly sources: Uint8Array[] = [];

  /** The value of the bytes, or -1. */
  find(salt: number, bytes: Uint8Array, start: number, end: number): number {
    const { slots, fields } = this;
    const hash = hashRange(salt, bytes, start, end);
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry < 0) return -1;
      const at = entry * FIELDS;
      if (fields[at] === hash && this.isEntry(entry, salt, bytes, start, end)) return fields[at + 4]!;
    }
  }

  /** Adds bytes that were not found. */
  add(salt: number, bytes: Uint8Array, start: number, end: number, value: number): void {
    if (this.sources.length * 2 >= this.slots.length) this.grow();
    const entry = this.sources.push(bytes) - 1;
    const { fields } = this;
    const at = entry * FIELDS;
    fields[at] = hashRange(salt, bytes, start, end);
    fields[at + 1] = salt;
    fields[at + 2] = start;
    fields[at + 3] = end;
    fields[at + 4] = value;
    this.place(entry);
  }

  private isEntry(entry: number, salt: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = entry * FIELDS;
    const from = this.fields[at + 2]!;
    if (this.fields[at + 1] !== salt || this.fields[at + 3]! - from !== end - start) return false;
    const source = this.sources[entry]!;
    for (let i = start, j = from; i < end; i++, j++) if (bytes[i] !== source[j]) return false;
    return true;
  }

  private place(entry: number): void {
    const mask = this.slots.length - 1;
    let slot = this.fields[entry * FIELDS]! & mask;
    while (this.slots[slot]! >= 0) slot = (slot + 1) & mask;
    this.slots[slot] = entry;
  }

  private grow(): void {
    const { fields } = this;
    this.fields = new Int32Array(2 * fields.length);
    this.fields.set(fields);
    this.slots = new Int32Array(2 * this.slots.length).fill(-1);
    for (let entry = 0; entry < this.sources.length; entry++) this.place(entry);
  }
}

/** Four bytes a multiplication: what takes time is that each waits for the one before. Ends with MurmurHash3's mix. */
function hashRange(salt: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(salt ^ (end - start), 0x9e3779b1);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
