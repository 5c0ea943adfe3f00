/**
 * One span of a message that is being scanned: what the edge must know of it goes into a row of the table, the rest is only
 * checked, so that decoding it later cannot fail.
 */

import { isZero } from '../ids.ts';
import type { RejectionReason } from '../reasons.ts';
import { EVENT, LINK, SPAN, STATUS } from './fields.ts';
import { microsAt, ProtoError, type ProtoReader } from './proto-reader.ts';
import { BYTES, FIXED32, FIXED64, VARINT } from './proto-writer.ts';
import type { SpanTable } from './span-table.ts';
import { EVENT_TYPES, expect, isUsualKeyValue, LINK_TYPES, walkChild, walkKeyValue } from './walk.ts';

/** Times beyond the integers a JSON number holds, in the year 2255, are impossible. */
const MAX_TIME_US = Number.MAX_SAFE_INTEGER;

const tagOf = (field: number, wireType: number) => (field << 3) | wireType;
const TAG_TRACE_ID = tagOf(SPAN.traceId, BYTES);
const TAG_SPAN_ID = tagOf(SPAN.spanId, BYTES);
const TAG_PARENT = tagOf(SPAN.parentSpanId, BYTES);
const TAG_NAME = tagOf(SPAN.name, BYTES);
const TAG_KIND = tagOf(SPAN.kind, VARINT);
const TAG_START = tagOf(SPAN.startTimeUnixNano, FIXED64);
const TAG_END = tagOf(SPAN.endTimeUnixNano, FIXED64);
const TAG_ATTRIBUTES = tagOf(SPAN.attributes, BYTES);

/** Adds the Span message from `start` to `end` to the table; one that is not acceptable is marked as rejected. */
export function scanSpan(table: SpanTable, reader: ProtoReader, scope: number, start: number, end: number): void {
  const i = table.addRow();
  table.start[i] = start;
  table.end[i] = end;
  table.scope[i] = scope;
  reader.position = start;
  try {
    const reason = end - start > table.limits.spanBytes ? 'span_too_large' : scanSpanFields(table, reader, i, end);
    if (reason !== null) table.reject(i, reason);
  } catch (error) {
    if (!(error instanceof ProtoError)) throw error;
    table.reject(i, 'malformed_span');
  }
}

function scanSpanFields(table: SpanTable, reader: ProtoReader, i: number, end: number): RejectionReason | null {
  let reason: RejectionReason | null = null;
  while (true) {
    reader.position = skipUsualFields(table, i, reader.position, end);
    if (!reader.next(end)) break;
    const length = reader.valueEnd - reader.valueStart;
    switch (reader.field) {
      case SPAN.traceId:
        expect(reader, BYTES, 'trace_id');
        if (length !== 16) reason ??= 'invalid_trace_id';
        else table.traceIdAt[i] = reader.valueStart;
        break;
      case SPAN.spanId:
        expect(reader, BYTES, 'span_id');
        if (length !== 8) reason ??= 'invalid_span_id';
        else table.spanIdAt[i] = reader.valueStart;
        break;
      case SPAN.parentSpanId:
        expect(reader, BYTES, 'parent_span_id');
        if (length !== 8 && length !== 0) reason ??= 'invalid_parent_span_id';
        else table.parentIdAt[i] = length === 0 || isZero(reader.bytes, reader.valueStart, 8) ? -1 : reader.valueStart;
        break;
      case SPAN.name:
        expect(reader, BYTES, 'name');
        table.nameStart[i] = reader.valueStart;
        table.nameEnd[i] = reader.valueEnd;
        break;
      case SPAN.kind:
        expect(reader, VARINT, 'kind');
        table.kind[i] = reader.varint <= 5 ? reader.varint : 0;
        break;
      case SPAN.startTimeUnixNano:
        expect(reader, FIXED64, 'start_time_unix_nano');
        table.startUs[i] = reader.fixed64Micros();
        break;
      case SPAN.endTimeUnixNano:
        expect(reader, FIXED64, 'end_time_unix_nano');
        table.endUs[i] = reader.fixed64Micros();
        break;
      case SPAN.flags:
        expect(reader, FIXED32, 'flags');
        break;
      case SPAN.status: {
        expect(reader, BYTES, 'status');
        table.status[i] = scanStatusCode(reader, reader.valueEnd, table.status[i]!);
        break;
      }
      case SPAN.attributes:
        expect(reader, BYTES, 'attributes');
        walkKeyValue(reader, reader.valueEnd, 0);
        break;
      case SPAN.events:
        expect(reader, BYTES, 'events');
        walkChild(reader, reader.valueEnd, EVENT.attributes, EVENT_TYPES);
        break;
      case SPAN.links:
        expect(reader, BYTES, 'links');
        walkChild(reader, reader.valueEnd, LINK.attributes, LINK_TYPES);
        break;
      case SPAN.traceState:
        expect(reader, BYTES, 'trace_state');
        table.traceStateStart[i] = reader.valueStart;
        table.traceStateEnd[i] = reader.valueEnd;
        break;
      case SPAN.droppedAttributesCount:
      case SPAN.droppedEventsCount:
      case SPAN.droppedLinksCount:
        expect(reader, VARINT, 'a dropped count');
        break;
    }
  }
  if (reason !== null) return reason;
  if (table.traceIdAt[i] === -1 || isZero(reader.bytes, table.traceIdAt[i]!, 16)) return 'invalid_trace_id';
  if (table.spanIdAt[i] === -1 || isZero(reader.bytes, table.spanIdAt[i]!, 8)) return 'invalid_span_id';
  if (table.startUs[i] === 0 || table.startUs[i]! > MAX_TIME_US || table.endUs[i]! > MAX_TIME_US) return 'invalid_time';
  return null;
}

/**
 * Takes in the fields from `start` on that are as nearly all are: of the right type, with a tag of one byte and a length of one or two.
 * Returns where the first other one begins, or `end`; the general code goes on from there, and would have come to the same.
 */
function skipUsualFields(table: SpanTable, i: number, start: number, end: number): number {
  const { bytes, view } = table;
  let at = start;
  while (at + 2 <= end) {
    const tag = bytes[at]!;
    if (tag === TAG_START || tag === TAG_END) {
      if (at + 9 > end) return at;
      const us = microsAt(view, at + 1);
      if (tag === TAG_START) table.startUs[i] = us;
      else table.endUs[i] = us;
      at += 9;
      continue;
    }
    let length = bytes[at + 1]!;
    let value = at + 2;
    if (tag === TAG_KIND) {
      if (length > 0x7f) return at;
      table.kind[i] = length <= 5 ? length : 0;
      at += 2;
      continue;
    }
    if (length > 0x7f) {
      if (value === end) return at;
      length += (bytes[value++]! << 7) - 0x80;
    }
    const next = value + length;
    if (length >= 0x4000 || next > end) return at;
    switch (tag) {
      case TAG_ATTRIBUTES:
        if (!isUsualKeyValue(bytes, value, next)) return at;
        break;
      case TAG_TRACE_ID:
        if (length !== 16) return at;
        table.traceIdAt[i] = value;
        break;
      case TAG_SPAN_ID:
        if (length !== 8) return at;
        table.spanIdAt[i] = value;
        break;
      case TAG_PARENT:
        if (length !== 8) return at;
        table.parentIdAt[i] = isZero(bytes, value, 8) ? -1 : value;
        break;
      case TAG_NAME:
        table.nameStart[i] = value;
        table.nameEnd[i] = next;
        break;
      default:
        return at;
    }
    at = next;
  }
  return at;
}

/** `before`: the code so far. A message field that comes twice is one. */
function scanStatusCode(reader: ProtoReader, end: number, before: number): number {
  let code = before;
  reader.position = reader.valueStart;
  while (reader.next(end)) {
    if (reader.field === STATUS.code) {
      expect(reader, VARINT, 'status.code');
      code = reader.varint <= 2 ? reader.varint : 0;
    } else if (reader.field === STATUS.message) expect(reader, BYTES, 'status.message');
  }
  return code;
}
