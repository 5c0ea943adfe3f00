/** A hash table from ranges of bytes to small numbers, without an object or a string for each. Open addressing, linear probing. */

const START_SLOTS = 4_096;

/** The same bytes under another salt are another entry. Arrays that were added must not change. */
export class InternTable {
  private slots = new Int32Array(START_SLOTS).fill(-1);
  private readonly hashes: number[] = [];
  private readonly sources: Uint8Array[] = [];
  /** Salt, start, end and value of each entry. */
  private readonly fields: number[] = [];

  /** The value of the bytes, or -1. */
  find(salt: number, bytes: Uint8Array, start: number, end: number): number {
    const hash = hashRange(salt, bytes, start, end);
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.slots[slot]!;
      if (entry < 0) return -1;
      if (this.hashes[entry] === hash && this.isEntry(entry, salt, bytes, start, end))
        return this.fields[entry * 4 + 3]!;
    }
  }

  /** Adds bytes that were not found. */
  add(salt: number, bytes: Uint8Array, start: number, end: number, value: number): void {
    if (this.hashes.length * 2 >= this.slots.length) this.grow();
    const hash = hashRange(salt, bytes, start, end);
    this.hashes.push(hash);
    this.sources.push(bytes);
    this.fields.push(salt, start, end, value);
    this.place(this.hashes.length - 1);
  }

  private isEntry(entry: number, salt: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = entry * 4;
    const from = this.fields[at + 1]!;
    if (this.fields[at] !== salt || this.fields[at + 2]! - from !== end - start) return false;
    const source = this.sources[entry]!;
    for (let i = start, j = from; i < end; i++, j++) if (bytes[i] !== source[j]) return false;
    return true;
  }

  private place(entry: number): void {
    const mask = this.slots.length - 1;
    let slot = this.hashes[entry]! & mask;
    while (this.slots[slot]! >= 0) slot = (slot + 1) & mask;
    this.slots[slot] = entry;
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1);
    for (let entry = 0; entry < this.hashes.length; entry++) this.place(entry);
  }
}

/** FNV-1a with a last mix, so that its low bits depend on all. */
function hashRange(salt: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ Math.imul(salt, 0x9e3779b1);
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 1;
}
