/** Makes a batch (`docs/wire-format.md`) out of records in the ring. Synchronous and small: the page does it at exit. */

import {
  GOODBYE,
  HAS_UNSAMPLED,
  LOSS_END,
  LOSS_REASON,
  MAGIC,
  PARENT_BACK,
  PARENT_LITERAL,
  PARENT_NONE,
  TRACE_END,
  TRACE_KNOWN,
  TRACE_NEW,
  VERSION,
} from '../../model/batch/format.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { wallMs } from '../api/clock.ts';
import { leavesOut } from '../sampling/leaves-out.ts';
import type { Losses } from './counters.ts';
import type { PendingRecord } from './pending.ts';
import { RECORD_BODY, RECORD_PARENT, RECORD_SPAN, RECORD_TRACE, RECORD_WORDS } from './record.ts';
import { createRing } from './ring.ts';
import { readStrings } from './strings.ts';

/** What is the same in all batches of a page. Travels to the worker once. */
export interface BatchConfig {
  /** Where batches are sent to, key included. */
  readonly url: string;
  /** The resource's attributes, encoded. */
  readonly resource: Uint8Array;
}

export interface BatchDraft {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  readonly records: readonly PendingRecord[];
  readonly losses: Losses;
  /** The page is going away. */
  readonly goodbye?: boolean;
  readonly maxBytes?: number | undefined;
}

export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many of the records, from the first, are in it. */
  readonly spanCount: number;
}

/** Encodes records in the order given, as many as fit. Each is shortest after its parent, and near to it in time. */
export function encodeBatch({
  buffer,
  config,
  records,
  losses,
  goodbye,
  maxBytes = 2 ** 31,
}: BatchDraft): EncodedBatch {
  const { words, bytes } = createRing(buffer);
  const out = createByteWriter();
  for (const byte of MAGIC) out.u8(byte);
  out.u8(VERSION);
  out.u8((leavesOut(buffer) ? 0 : HAS_UNSAMPLED) | (goodbye ? GOODBYE : 0));
  let previousStartUs = wallMs() * 1000;
  out.varint(previousStartUs);
  const strings = readStrings(buffer);
  out.varint(strings.length);
  out.raw(strings);
  out.raw(config.resource);
  losses.forEach((count, i) => {
    if (count === 0) return;
    out.varint(LOSS_REASON + i);
    out.varint(count);
  });
  out.varint(LOSS_END);

  const traces = new Map<string, number>();
  const spans = new Map<string, number>();
  let spanCount = 0;
  for (const { index, startUs, endUs } of records) {
    const length = out.length;
    const id = (at: number, size: number) => words.subarray(index + at, index + at + size);
    const raw = (at: number, size: number) => out.raw(bytes.subarray((index + at) * 4, (index + at) * 4 + size));
    const traceId = id(RECORD_TRACE, 4).join();
    const trace = traces.get(traceId);
    if (trace === undefined) {
      traces.set(traceId, traces.size);
      out.varint(TRACE_NEW);
      raw(RECORD_TRACE, 16);
    } else out.varint(TRACE_KNOWN + trace);
    raw(RECORD_SPAN, 8);
    const parentId = id(RECORD_PARENT, 2).join();
    const parent = spans.get(parentId);
    if (parent !== undefined) out.varint(PARENT_BACK + spanCount - parent);
    else if (parentId === '0,0') out.varint(PARENT_NONE);
    else {
      out.varint(PARENT_LITERAL);
      raw(RECORD_PARENT, 8);
    }
    spans.set(id(RECORD_SPAN, 2).join(), spanCount);
    out.zigzag(startUs - previousStartUs);
    out.varint(endUs < 0 ? 0 : Math.max(0, endUs - startUs) + 1);
    raw(RECORD_WORDS, words[index + RECORD_BODY]! >> 1);
    // The end takes one byte more.
    if (out.length >= maxBytes) {
      out.truncate(length);
      break;
    }
    previousStartUs = startUs;
    spanCount++;
  }
  out.varint(TRACE_END);
  return { bytes: out.written().slice(), spanCount };
}
