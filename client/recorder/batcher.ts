/** Makes a batch (`docs/wire-format.md`) out of records in the ring. Synchronous and small: the page does it at exit. */

import {
  PARENT_BACK,
  PARENT_LITERAL,
  PARENT_NONE,
  TRACE_END,
  TRACE_KNOWN,
  TRACE_NEW,
} from '../../model/batch/format.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { type BatchConfig, batchTimeUs, writeHead } from './batch-head.ts';
import type { Losses } from './counters.ts';
import { countersOf } from './memory.ts';
import type { PendingRecord } from './pending.ts';
import { RECORD_BODY, RECORD_PARENT, RECORD_SPAN, RECORD_TRACE, RECORD_WORDS } from './record.ts';
import { createRing } from './ring.ts';
import { readStrings } from './strings.ts';

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
  const sentUs = batchTimeUs();
  writeHead(out, sentUs, readStrings(buffer), config, losses, countersOf(buffer).leavesOut, goodbye);
  const traces = new Map<string, number>();
  /** Numbers of spans by the second word of their id, and the first words by number. */
  const spans = new Map<number, number>();
  const firstWords: number[] = [];
  let previousStartUs = sentUs;
  for (const { index, startUs, endUs } of records) {
    const { length } = out;
    const ids = (at: number, count: number) => {
      for (let i = index + at; i < index + at + count; i++) out.id(words[i]!);
    };
    const at = index + RECORD_TRACE;
    const traceId = `${words[at]},${words[at + 1]},${words[at + 2]},${words[at + 3]}`;
    const trace = traces.get(traceId);
    if (trace === undefined) {
      traces.set(traceId, traces.size);
      out.varint(TRACE_NEW);
      ids(RECORD_TRACE, 4);
    } else out.varint(TRACE_KNOWN + trace);
    ids(RECORD_SPAN, 2);
    const parent0 = words[index + RECORD_PARENT]!;
    const parent1 = words[index + RECORD_PARENT + 1]!;
    const parent = spans.get(parent1);
    if (parent !== undefined && firstWords[parent] === parent0) {
      out.varint(PARENT_BACK + firstWords.length - parent);
    } else if (parent0 === 0 && parent1 === 0) out.varint(PARENT_NONE);
    else {
      out.varint(PARENT_LITERAL);
      ids(RECORD_PARENT, 2);
    }
    out.zigzag(startUs - previousStartUs);
    out.varint(endUs < 0 ? 0 : Math.max(0, endUs - startUs) + 1);
    const body = (index + RECORD_WORDS) * 4;
    out.raw(bytes.subarray(body, body + (words[index + RECORD_BODY]! >> 1)));
    // The end takes one byte more.
    if (out.length >= maxBytes) {
      out.truncate(length);
      break;
    }
    spans.set(words[index + RECORD_SPAN + 1]!, firstWords.length);
    firstWords.push(words[index + RECORD_SPAN]!);
    previousStartUs = startUs;
  }
  out.varint(TRACE_END);
  return { bytes: out.written().slice(), spanCount: firstWords.length };
}
