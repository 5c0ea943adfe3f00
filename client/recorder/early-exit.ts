/**
 * The last words of a page that is left before `recorder.js` is there: what it has goes out as beacons, straight from the
 * spans. What the browser does not take is lost, and counted; `exit.ts` does better.
 */

import {
  PARENT_BACK,
  PARENT_LITERAL,
  PARENT_NONE,
  TRACE_END,
  TRACE_KNOWN,
  TRACE_NEW,
} from '../../model/batch/format.ts';
import { createSpanBodyWriter } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { type BatchConfig, batchTimeUs, writeHead } from './batch-head.ts';
import type { Counters, Losses } from './counters.ts';
import { CONTENT_TYPE } from './outcome.ts';
import type { OpenRecordable, Recordable } from './recordable.ts';
import type { SpanList } from './span-list.ts';
import { isImportant, toTime } from './span-traits.ts';

/** What browsers let keepalive requests and beacons have in flight together (https://fetch.spec.whatwg.org/). */
export const EXIT_BUDGET_BYTES: number = 64 * 1024;
/** Below this there is hardly room for a span beside the resource. */
export const MIN_PIECE_BYTES = 2048;
/** Longer strings are hardly ever repeated. */
const MAX_TABLE_CHARS = 127;
/** What a batch takes beside strings, resource and spans. */
const FRAME_BYTES = 128;

/** Sends the spans as they are now, and keeps those that are open. */
export function sendEarly(spans: SpanList, config: BatchConfig, counters: Counters, goodbye: boolean): void {
  let rest: OpenRecordable[] = [];
  spans.sweep((span) => {
    if (span.changed) rest.push(span);
    span.changed = false;
    return span.endUs === null;
  });
  rest.sort((a, b) => Number(isImportant(b)) - Number(isImportant(a)));
  for (let room = EXIT_BUDGET_BYTES; rest.length > 0; ) {
    const losses = counters.unreported();
    const { bytes, taken, spanCount } = encodeEarly(rest, config, losses, goodbye, room);
    if (taken > 0 && navigator.sendBeacon(config.url, new Blob([bytes], { type: CONTENT_TYPE }))) {
      counters.add('accepted', spanCount);
      counters.add('encode_failed', taken - spanCount);
      counters.report(losses);
      rest = rest.slice(taken);
      room -= bytes.length;
    } else {
      // Other scripts have part of the budget: a smaller piece may fit. One span that does not, never will.
      room = taken > 0 ? bytes.length / 2 : 0;
    }
    if (room >= MIN_PIECE_BYTES) continue;
    counters.add('exit_budget', rest.length);
    return;
  }
}

/** Encodes spans in the order given, as many as fit: `spanCount` of `taken`, without those that cannot be encoded. */
export function encodeEarly(
  spans: readonly Recordable[],
  config: BatchConfig,
  losses: Losses,
  goodbye: boolean,
  maxBytes: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly taken: number; readonly spanCount: number } {
  const table = createByteWriter();
  const strings = new Map<string, number>();
  const body = createByteWriter();
  const bodyWriter = createSpanBodyWriter(body, (text) => {
    if (text.length > MAX_TABLE_CHARS) return -1;
    if (!strings.has(text)) {
      strings.set(text, strings.size);
      table.text(text);
    }
    return strings.get(text)!;
  });
  const out = createByteWriter();
  const sentUs = batchTimeUs();
  /** Traces and spans that can be referred to, by their number. */
  const numbers = new Map<object | null, number>();
  let traceCount = 0;
  let previousUs = sentUs;
  let taken = 0;
  let spanCount = 0;
  for (const span of spans) {
    const { trace, parent } = span;
    const { id0, id1 } = parent ?? trace;
    const lengths = [out.length, table.length] as const;
    const startUs = toTime(span.startUs);
    try {
      body.truncate(0);
      bodyWriter.span(span, startUs);
    } catch {
      // User code gave something that no type allows.
      taken++;
      continue;
    }
    const knownTrace = numbers.get(trace);
    out.varint(knownTrace === undefined ? TRACE_NEW : TRACE_KNOWN + knownTrace);
    if (knownTrace === undefined) {
      numbers.set(trace, traceCount++);
      for (const word of trace.words) out.id(word);
    }
    out.id(span.id0);
    out.id(span.id1);
    const knownParent = numbers.get(parent);
    if (knownParent !== undefined) out.varint(PARENT_BACK + spanCount - knownParent);
    else if (id0 || id1) {
      out.varint(PARENT_LITERAL);
      out.id(id0);
      out.id(id1);
    } else out.varint(PARENT_NONE);
    out.zigzag(startUs - previousUs);
    out.varint(span.endUs === null ? 0 : Math.max(0, toTime(span.endUs) - startUs) + 1);
    out.raw(body.written());
    if (config.resource.length + table.length + out.length > maxBytes - FRAME_BYTES) {
      out.truncate(lengths[0]);
      table.truncate(lengths[1]);
      break;
    }
    numbers.set(span, spanCount++);
    previousUs = startUs;
    taken++;
  }
  out.varint(TRACE_END);
  const batch = createByteWriter();
  writeHead(batch, sentUs, table.written(), config, losses, goodbye);
  batch.raw(out.written());
  return { bytes: batch.written().slice(), taken, spanCount };
}
