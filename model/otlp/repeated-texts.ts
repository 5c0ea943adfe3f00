/**
 * Texts of which much repeats, as keys, names, values and ids do in a trace: what was read not long before is found by its bytes and
 * not made again. So equal texts are mostly one, which maps and comparisons need not look into.
 */

import { formatHex } from '../ids.ts';

const SLOTS = 4_096;
/** A trace's. */
const MAX_ID_BYTES = 16;
/** Longer ones seldom repeat. */
const MAX_REPEATED_BYTES = 64;

const HEX_DIGITS = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

export class RepeatedTexts {
  readonly #bytes: Uint8Array;
  readonly #make: (bytes: Uint8Array) => string;
  /** By a hash of the bytes: where the text that was decoded last began, and how long it was. */
  readonly #starts = new Int32Array(SLOTS);
  readonly #lengths = new Int32Array(SLOTS).fill(-1);
  readonly #texts: string[] = new Array<string>(SLOTS).fill('');

  constructor(bytes: Uint8Array, make: (bytes: Uint8Array) => string) {
    this.#bytes = bytes;
    this.#make = make;
  }

  read(start: number, end: number): string {
    const length = end - start;
    if (length > MAX_REPEATED_BYTES) return this.#make(this.#bytes.subarray(start, end));
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
    const text = this.#make(bytes.subarray(start, end));
    this.#starts[slot] = start;
    this.#lengths[slot] = length;
    this.#texts[slot] = text;
    return text;
  }
}

/** Makes text of UTF-8, as protobuf-es does. */
export function utf8Texts(): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
  return (bytes) => decoder.decode(bytes);
}

/** Makes lower-case hex, at once and not digit by digit: a text that is put together is put together again whenever it is looked up. */
export function hexText(bytes: Uint8Array): string {
  // Nothing bounds the length of what is no id.
  if (bytes.length > MAX_ID_BYTES) return formatHex(bytes);
  const digits: number[] = [];
  for (const byte of bytes) digits.push(HEX_DIGITS[byte >> 4]!, HEX_DIGITS[byte & 15]!);
  return String.fromCharCode.apply(null, digits);
}
