/** Makes a batch (`docs/wire-format.md`) straight from spans. What `batcher.ts` does fast, in as few bytes of code as will do: every page loads it. */

import {
  GOODBYE,
  HAS_EXTRAS,
  HAS_UNSAMPLED,
  LOSS_COUNT,
  LOSS_END,
  LOSS_REASON,
  MAGIC,
  PARENT_LITERAL,
  PARENT_NONE,
  STATUS_SHIFT,
  STRING_TABLE,
  TRACE_END,
  TRACE_KNOWN,
  TRACE_NEW,
  VALUE_ARRAY,
  VALUE_DOUBLE,
  VALUE_FALSE,
  VALUE_NEGATIVE,
  VALUE_STRING,
  VALUE_TRUE,
  VALUE_UINT,
  VERSION,
} from '../../model/batch/format.ts';
import type { FlatAttributes } from '../../model/batch/span-body.ts';
import { CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { SpanDataValue } from '../../model/span-data.ts';
import { wallMs } from '../api/clock.ts';
import type { EncodedBatch } from './batcher.ts';
import type { Losses } from './counters.ts';
import type { Recordable, TraceIdentity } from './recordable.ts';
import { toTime } from './span-traits.ts';

/** What a batch takes beside strings, resource, losses and spans. */
export const HEAD_BYTES = 20;

const encoder = /* @__PURE__ */ new TextEncoder();

/** Encodes spans in the order given, as many as fit. */
export function encodeEarly(
  spans: readonly Recordable[],
  resource: FlatAttributes,
  losses: Losses,
  leavesOut: boolean,
  goodbye: boolean,
  maxBytes: number,
): EncodedBatch {
  const strings = new Map<string, number>();
  const table: number[] = [];
  // What is no byte yet becomes one at the end.
  let out: number[] = [];
  const traces: TraceIdentity[] = [];
  const sentUs = wallMs() * 1000;
  let previousUs = sentUs;
  let spanCount = 0;

  function varint(value: number, to = out): void {
    let rest = Math.min(value, Number.MAX_SAFE_INTEGER);
    for (; rest > 127; rest = Math.floor(rest / 128)) to.push((rest % 128) | 128);
    to.push(rest);
  }

  const zigzag = (value: number) => varint(value < 0 ? -2 * value - 1 : 2 * value);

  function ids(words: readonly number[]): void {
    for (const word of words) out.push(word >> 24, word >> 16, word >> 8, word);
  }

  function string(text: string): void {
    let known = strings.get(text);
    if (known === undefined) {
      const bytes = encoder.encode(text);
      varint(bytes.length, table);
      for (const byte of bytes) table.push(byte);
      known = strings.size;
      strings.set(text, known);
    }
    varint(STRING_TABLE + known);
  }

  function writeValue(value: SpanDataValue): void {
    if (typeof value === 'string') {
      out.push(VALUE_STRING);
      string(value);
    } else if (typeof value === 'boolean') out.push(value ? VALUE_TRUE : VALUE_FALSE);
    else if (typeof value === 'object') {
      out.push(VALUE_ARRAY);
      varint(value.length);
      for (const item of value) writeValue(item);
    } else if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      out.push(value < 0 ? VALUE_NEGATIVE : VALUE_UINT);
      varint(Math.abs(value));
    } else out.push(VALUE_DOUBLE, ...new Uint8Array(new Float64Array([value]).buffer));
  }

  function attributes(flat: FlatAttributes): void {
    varint(flat.length / 2);
    for (let i = 0; i < flat.length; i += 2) {
      string(flat[i] as string);
      writeValue(flat[i + 1]!);
    }
  }

  attributes(resource);
  losses.forEach((count, i) => {
    if (!count) return;
    varint(i < CLIENT_DROP_REASONS.length ? LOSS_REASON + i : LOSS_COUNT + i - CLIENT_DROP_REASONS.length);
    varint(count);
  });
  varint(LOSS_END);
  for (const span of spans) {
    const { trace, parent, statusMessage, traceState, events, links } = span;
    const dropped = [span.droppedAttributes, span.droppedEvents, span.droppedLinks];
    const hasExtras = statusMessage || traceState || events.length || links.length || dropped.some(Boolean);
    const { id0, id1 } = parent ?? trace;
    const lengths = [out.length, table.length] as const;
    const startUs = toTime(span.startUs);
    const known = traces.indexOf(trace);
    varint(known < 0 ? TRACE_NEW : TRACE_KNOWN + known);
    if (known < 0) {
      traces.push(trace);
      ids(trace.words);
    }
    ids([span.id0, span.id1]);
    const hasParent = id0 || id1;
    varint(hasParent ? PARENT_LITERAL : PARENT_NONE);
    if (hasParent) ids([id0, id1]);
    zigzag(startUs - previousUs);
    varint(span.endUs === null ? 0 : Math.max(0, toTime(span.endUs) - startUs) + 1);
    varint(span.kind | (span.statusCode << STATUS_SHIFT) | (hasExtras ? HAS_EXTRAS : 0));
    varint(span.flags);
    string(span.scope);
    string(span.name);
    attributes(span.attributes);
    if (hasExtras) {
      string(statusMessage);
      string(traceState);
      varint(events.length);
      for (const event of events) {
        string(event.name);
        zigzag(Math.round(event.timeUs - startUs));
        attributes(event.attributes);
      }
      varint(links.length);
      for (const link of links) {
        ids(link.ids);
        attributes(link.attributes);
      }
      for (const count of dropped) varint(count);
    }
    if (HEAD_BYTES + table.length + out.length > maxBytes) {
      out.length = lengths[0];
      table.length = lengths[1];
      break;
    }
    spanCount++;
    previousUs = startUs;
  }
  varint(TRACE_END);
  const rest = out;
  out = [...MAGIC, VERSION, (leavesOut ? 0 : HAS_UNSAMPLED) | (goodbye ? GOODBYE : 0)];
  varint(sentUs);
  varint(table.length);
  return { bytes: Uint8Array.from([...out, ...table, ...rest]), spanCount };
}
