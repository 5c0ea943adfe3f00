/**
 * The strings that records refer to, each once, in the form in which a batch carries them. The table only grows, so
 * whoever reads a record finds its strings; it starts over when the ring is empty and no record is left that could
 * refer to it. Strings that find no room, or are long, stand inline in their records.
 */

import { encodeText } from '../../model/bytes.ts';
import { HEADER_BYTES, headerOf, WORD_CAPACITY, WORD_STRINGS_END } from './memory.ts';

/** Longer strings are hardly ever repeated, and their length would take two bytes. */
const MAX_TABLE_STRING_BYTES = 127;
/** As many values are remembered as seen once. */
const SEEN = 256;

/** The producer's side. */
export interface StringTable {
  /**
   * The number of `text`, which is added if it is not there; -1 when it has to stand inline. So does a value that is seen
   * for the first time: most of those that are seen once are never seen again.
   */
  find(text: string, isValue: boolean): number;
  /** To be called only while the ring is empty. */
  startOver(): void;
}

export function createStringTable(buffer: ArrayBufferLike): StringTable {
  const header = headerOf(buffer);
  const table = new Uint8Array(buffer, HEADER_BYTES + header[WORD_CAPACITY]!);
  const numbers = new Map<string, number>();
  const seen: string[] = new Array(SEEN).fill('');
  return {
    find(text, isValue) {
      if (isValue && isNew(seen, text)) return -1;
      const known = numbers.get(text);
      if (known !== undefined) return known;
      const start = header[WORD_STRINGS_END]!;
      // UTF-8 is at least as long as the text: a full table costs no encoding.
      if (text.length > MAX_TABLE_STRING_BYTES || start + text.length >= table.length) return -1;
      const bytes = encodeText(text);
      const end = start + 1 + bytes.length;
      if (bytes.length > MAX_TABLE_STRING_BYTES || end > table.length) return -1;
      table[start] = bytes.length;
      table.set(bytes, start + 1);
      Atomics.store(header, WORD_STRINGS_END, end);
      const number = numbers.size;
      numbers.set(text, number);
      return number;
    },
    startOver() {
      numbers.clear();
      Atomics.store(header, WORD_STRINGS_END, 0);
    },
  };
}

/** True unless `text` was the last one seen of those that share its place. Looks at few of its chars: hashing costs more. */
function isNew(seen: string[], text: string): boolean {
  const { length } = text;
  const place = (length + 31 * text.charCodeAt(length - 1) + 7 * text.charCodeAt(length >> 1)) & (SEEN - 1);
  if (seen[place] === text) return false;
  seen[place] = text;
  return true;
}

/** The consumer's side: the bytes of the table as they are now. */
export function readStrings(buffer: ArrayBufferLike): Uint8Array {
  const header = headerOf(buffer);
  return new Uint8Array(buffer, HEADER_BYTES + header[WORD_CAPACITY]!, Atomics.load(header, WORD_STRINGS_END));
}
