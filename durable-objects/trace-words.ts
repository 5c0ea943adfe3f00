/** A trace id as a shard computes with it: its 16 bytes as four little-endian words. */

import { formatHex, parseHex } from '../model/ids.ts';

export type TraceWords = readonly [w0: number, w1: number, w2: number, w3: number];

/** `traceId`: 32 hex digits. */
export function parseWords(traceId: string): TraceWords {
  const view = new DataView(parseHex(traceId)!.buffer);
  return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)];
}

/** 32 lower-case hex digits. */
export function formatWords(words: TraceWords): string {
  return formatHex(new Uint8Array(Uint32Array.from(words).buffer));
}
