/**
 * The last words of a page that is left before `recorder.js` is there: what it has goes out as beacons, straight from the
 * spans. What the browser does not take is lost, and counted; `exit.ts` does better.
 */

import { PARENT_LITERAL, PARENT_NONE, TRACE_END, TRACE_KNOWN, TRACE_NEW } from '../../model/batch/format.ts';
import { createSpanBodyWriter } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { type BatchConfig, batchTimeUs, writeHead } from './batch-head.ts';
import type { EncodedBatch } from './batcher.ts';
import type { Counters, Losses } from './counters.ts';
import { CONTENT_TYPE } from './outcome.ts';
import type { EarlyHost } from './page-recorder.ts';
import type { OpenRecordable, Recordable, TraceIdentity } from './recordable.ts';
import type { SpanList } from './span-list.ts';
import { toTime } from './span-traits.ts';

/** What browsers let keepalive requests and beacons have in flight together (https://fetch.spec.whatwg.org/). */
export const EXIT_BUDGET_BYTES: number = 64 * 1024;
/** Below this there is hardly room for a span beside the resource. */
export const MIN_PIECE_BYTES = 2048;
/** What a batch takes beside strings, resource and spans. */
export const FRAME_BYTES = 128;

/** Sends the spans as they are now, and keeps those that are open. */
export function sendEarly(
  spans: SpanList,
  { config, beforeRecord, beacon = sendBeacon }: EarlyHost,
  counters: Counters,
  goodbye: boolean,
): void {
  const changed: OpenRecordable[] = [];
  spans.sweep((span) => {
    if (span.changed && beforeRecord?.(span) === false) {
      span.changed = false;
      counters.add('encode_failed');
    }
    if (span.changed) changed.push(span);
    return span.changed || span.endUs === null;
  });
  changed.sort((a, b) => rank(b) - rank(a));
  let sent = 0;
  const losses = counters.unreported();
  // Other scripts may have part of the budget: a smaller piece may fit.
  for (let room = EXIT_BUDGET_BYTES; room >= MIN_PIECE_BYTES; room /= 2) {
    const { bytes, spanCount } = encodeEarly(changed, config, losses, counters.leavesOut, goodbye, room);
    if (spanCount === 0 || !beacon(config.url, bytes)) continue;
    sent = spanCount;
    counters.add('sent', sent);
    counters.add('accepted', sent);
    counters.report(losses);
    break;
  }
  counters.add('exit_budget', changed.length - sent);
  // Only now: Firefox may stop a script in the middle when its tab is closed, and then the next event has to do it all.
  for (const span of changed) span.changed = false;
}

/** What a page sends with when it will not see the answer. False when the browser takes no more. */
export function sendBeacon(url: string, bytes: Uint8Array<ArrayBuffer>): boolean {
  return navigator.sendBeacon(url, toBlob(bytes));
}

/** A request body that needs no preflight. */
export function toBlob(bytes: Uint8Array<ArrayBuffer>): Blob {
  return new Blob([bytes], { type: CONTENT_TYPE });
}

/** Errors and the page's own roots first. */
function rank({ statusCode, parent }: Recordable): number {
  return statusCode === 2 || !parent ? 1 : 0;
}

/** Encodes spans in the order given, as many as fit. */
export function encodeEarly(
  spans: readonly Recordable[],
  config: BatchConfig,
  losses: Losses,
  leavesOut: boolean,
  goodbye: boolean,
  maxBytes: number,
): EncodedBatch {
  const table = createByteWriter();
  const strings = new Map<string, number>();
  const body = createByteWriter();
  const bodyWriter = createSpanBodyWriter(body, (text) => {
    if (!strings.has(text)) {
      strings.set(text, strings.size);
      table.text(text);
    }
    return strings.get(text)!;
  });
  const out = createByteWriter();
  const sentUs = batchTimeUs();
  const traces: TraceIdentity[] = [];
  let previousUs = sentUs;
  let spanCount = 0;
  for (const span of spans) {
    const { trace, parent } = span;
    const { id0, id1 } = parent ?? trace;
    const lengths = [out.length, table.length] as const;
    const startUs = toTime(span.startUs);
    body.truncate(0);
    bodyWriter.span(span, startUs);
    const known = traces.indexOf(trace);
    out.varint(known < 0 ? TRACE_NEW : TRACE_KNOWN + known);
    if (known < 0) {
      traces.push(trace);
      for (const word of trace.words) out.id(word);
    }
    out.id(span.id0);
    out.id(span.id1);
    if (id0 || id1) {
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
    spanCount++;
    previousUs = startUs;
  }
  out.varint(TRACE_END);
  body.truncate(0);
  writeHead(body, sentUs, table.written(), config, losses, leavesOut, goodbye);
  body.raw(out.written());
  return { bytes: body.written(), spanCount };
}
