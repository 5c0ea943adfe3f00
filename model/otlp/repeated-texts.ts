/**
 * UTF-8 of which much repeats, as keys, names and values do in a trace: what was decoded not long before is found by its bytes
 * and not decoded again.
 */

const SLOTS = 4_096;
/** Longer ones seldom repeat. */
const MAX_REPEATED_BYTES = 64;

export class RepeatedTexts {
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
  /** By a hash of the bytes: where the text that was decoded last began, and how long it was. */
  readonly #starts = new Int32Array(SLOTS);
  readonly #lengths = new Int32Array(SLOTS).fill(-1);
  readonly #texts: string[] = new Array<string>(SLOTS).fill('');

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(start: number, end: number): string {
    const length = end - start;
    if (length > MAX_REPEATED_BYTES) return this.#decode(start, end);
    const bytes = this.#bytes;
    let hash = length;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    if (this.#lengths[slot] === length) {
      let [at, known] = [start, this.#starts[slot]!];
      while (at < end && bytes[at] === bytes[known]) {
        at++;
        known++;
      }
      if (at === end) return this.#texts[slot]!;
    }
    const text = this.#decode(start, end);
    this.#starts[slot] = start;
    this.#lengths[slot] = length;
    this.#texts[slot] = text;
    return text;
  }

  #decode(start: number, end: number): string {
    return this.#decoder.decode(this.#bytes.subarray(start, end));
  }
}
