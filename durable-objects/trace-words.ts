/** A trace id as a shard computes with it: its 16 bytes as four little-endian words. */

import { formatHex } from '../model/ids.ts';

export type TraceWords = readonly [w0: number, w1: number, w2: number, w3: number];

/** `traceId`: 32 hex digits. */
export function parseWords(traceId: string): TraceWords {
  return [parseWord(traceId, 0), parseWord(traceId, 8), parseWord(traceId, 16), parseWord(traceId, 24)];
}

/** Eight hex digits as bytes, the first of which is the word's lowest. */
function parseWord(text: string, at: number): number {
  let word = 0;
  for (let i = 0; i < 8; i += 2) {
    const byte = (digit(text.charCodeAt(at + i)) << 4) | digit(text.charCodeAt(at + i + 1));
    word |= byte << (4 * i);
  }
  return word >>> 0;
}

/** Of `0` to `9` and `a` to `f` in either case. */
function digit(code: number): number {
  return code < 58 ? code - 48 : (code & 0xdf) - 55;
}

/** 32 lower-case hex digits. */
export function formatWords(words: TraceWords): string {
  return formatHex(new Uint8Array(Uint32Array.from(words).buffer));
}
