/** The batch's strings, each written once and referred to by number; number 0 is the empty string. */

import { ByteWriter } from '../bytes.ts';

export class StringTable {
  readonly #references = new Map<string, number>([['', 0]]);
  readonly #texts: string[] = [];
  readonly #table = new ByteWriter(2048);
  readonly #scratch = new ByteWriter(256);
  #previous = new Uint8Array(0);

  /** Bytes of the table so far, without its count. */
  get bytes(): number {
    return this.#table.length;
  }

  reference(text: string): number {
    const known = this.#references.get(text);
    if (known !== undefined) return known;
    this.#texts.push(text);
    this.#references.set(text, this.#texts.length);
    this.#append(text);
    return this.#texts.length;
  }

  /** A place to `rewind` to. */
  mark(): { readonly texts: number; readonly bytes: number } {
    return { texts: this.#texts.length, bytes: this.#table.length };
  }

  /** Takes back all strings since the mark. The table ends there: nothing may be added after that. */
  rewind(mark: { readonly texts: number; readonly bytes: number }): void {
    for (const text of this.#texts.splice(mark.texts)) this.#references.delete(text);
    this.#table.truncate(mark.bytes);
  }

  writeTo(out: ByteWriter): void {
    out.varint(this.#texts.length);
    out.raw(this.#table.written());
  }

  /** Front coding: resource URLs come one after the other and share their beginning. */
  #append(text: string): void {
    this.#scratch.truncate(0);
    this.#scratch.utf8(text);
    const bytes = this.#scratch.written().slice();
    let shared = 0;
    while (shared < bytes.length && bytes[shared] === this.#previous[shared]) shared++;
    this.#table.varint(shared);
    this.#table.varint(bytes.length - shared);
    this.#table.raw(bytes.subarray(shared));
    this.#previous = bytes;
  }
}
