/**
 * Interned strings beside the ring. A string is written once, as its length and its 16-bit units, and referred to
 * by where it stands. The area only grows; when it is full it starts over as a new epoch, at a moment when no
 * record is left that could refer to the old one. Until then new strings stand inline in their records.
 */

import { HEADER_WORDS, headerOf, WORD_CAPACITY, WORD_STRING_CHARS, WORD_STRING_EPOCH } from './memory.ts';
import type { Ring } from './ring.ts';

/** Longer strings are hardly ever repeated. */
const MAX_INTERNED_CHARS = 48;

function areaOf(buffer: ArrayBufferLike): Uint16Array {
  const header = headerOf(buffer);
  return new Uint16Array(buffer, HEADER_WORDS * 4 + header[WORD_CAPACITY]!, header[WORD_STRING_CHARS]!);
}

export class StringWriter {
  readonly #area: Uint16Array;
  readonly #header: Int32Array;
  readonly #ring: Ring;
  readonly #references = new Map<string, number>();
  #end = 0;

  constructor(buffer: ArrayBufferLike, ring: Ring) {
    this.#area = areaOf(buffer);
    this.#header = headerOf(buffer);
    this.#ring = ring;
  }

  /** The string's reference, or -1 when it has to stand inline. */
  reference(text: string): number {
    if (text.length > MAX_INTERNED_CHARS) return -1;
    const known = this.#references.get(text);
    if (known !== undefined) return known;
    if (this.#end + 1 + text.length > this.#area.length) return -1;
    const reference = this.#end;
    this.#area[this.#end++] = text.length;
    for (let i = 0; i < text.length; i++) this.#area[this.#end++] = text.charCodeAt(i);
    this.#references.set(text, reference);
    return reference;
  }

  /** Starts over when the area is nearly full and no record refers to it. To be called between two records. */
  tidy(): void {
    if (this.#end + 1 + MAX_INTERNED_CHARS <= this.#area.length || this.#ring.usedBytes > 0) return;
    this.#references.clear();
    this.#end = 0;
    Atomics.add(this.#header, WORD_STRING_EPOCH, 1);
  }
}

export class StringReader {
  readonly #area: Uint16Array;
  readonly #header: Int32Array;
  readonly #texts = new Map<number, string>();
  #epoch = 0;

  constructor(buffer: ArrayBufferLike) {
    this.#area = areaOf(buffer);
    this.#header = headerOf(buffer);
  }

  /** To be called before reading records, so that no text of an older epoch is returned. */
  refresh(): void {
    const epoch = Atomics.load(this.#header, WORD_STRING_EPOCH);
    if (epoch !== this.#epoch) this.#texts.clear();
    this.#epoch = epoch;
  }

  lookUp(reference: number): string {
    const known = this.#texts.get(reference);
    if (known !== undefined) return known;
    const units = this.#area.subarray(reference + 1, reference + 1 + (this.#area[reference] ?? 0));
    const text = String.fromCharCode(...units);
    this.#texts.set(reference, text);
    return text;
  }
}
