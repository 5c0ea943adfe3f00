/**
 * Writes a span, resource or scope again as the rules want it, field by field: what no rule is about is copied as it came,
 * unknown fields included. The message was scanned before, so nothing in it is malformed.
 */

import type { RemovalReason } from '../reasons.ts';
import { ANY_VALUE, ARRAY_VALUE, EVENT, KEY_VALUE, LINK, SCOPE_SPANS, SPAN } from './fields.ts';
import {
  type Action,
  DROP,
  HASH,
  KEEP_WHOLE,
  KEY_TOO_LONG,
  MASK,
  SCRUB_QUERY,
  SCRUB_URL,
  type ServiceKeys,
  TOO_MANY_KEYS,
} from './key-actions.ts';
import { ProtoReader } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';
import { scrubQuery, scrubUrl } from './scrub.ts';
import { END_BEFORE_START, REDACTED, type SpanRules, TIME_ERROR } from './span-rules.ts';
import { textAt } from './span-table.ts';

const REMOVED_BY: Partial<Record<Action, RemovalReason>> = {
  [DROP]: 'rule',
  [TOO_MANY_KEYS]: 'too_many_keys',
  [KEY_TOO_LONG]: 'key_too_long',
};
const MAX_COUNT = 0xffff_ffff;
const encoder = new TextEncoder();

/** Where a message has its attributes, and the count of those that it has not. */
export interface AttributeFields {
  readonly attributes: number;
  readonly droppedAttributesCount: number;
}

export class Rewriter {
  /** What was written, one message after the other. */
  readonly writer = new ProtoWriter();
  private readonly bytes: Uint8Array;
  private readonly rules: SpanRules;
  private changed = false;

  constructor(bytes: Uint8Array, rules: SpanRules) {
    this.bytes = bytes;
    this.rules = rules;
  }

  /**
   * Writes a Span as a field of its ScopeSpans. Returns how long its body is, or -1, and nothing is written, where it is to
   * stay as it is.
   */
  span(start: number, end: number, keys: ServiceKeys, endsBeforeStart: boolean): number {
    const { writer, bytes } = this;
    const { limits, removed } = this.rules;
    const before = writer.length;
    const body = writer.begin(SCOPE_SPANS.spans);
    this.changed = endsBeforeStart;
    const kept = { attributes: 0, events: 0, links: 0 };
    const dropped = { attributes: 0, events: 0, links: 0 };
    const reader = new ProtoReader(bytes, start);
    for (let at = start; reader.next(end); at = reader.position) {
      const { valueStart, valueEnd } = reader;
      switch (reader.field) {
        case SPAN.attributes:
          if (this.attribute(SPAN.attributes, valueStart, valueEnd, keys, kept.attributes < limits.attributes)) {
            kept.attributes++;
          } else dropped.attributes++;
          break;
        case SPAN.events:
          if (kept.events++ < limits.events) {
            this.child(SPAN.events, valueStart, valueEnd, EVENT, limits.eventAttributes, keys);
          } else {
            dropped.events++;
            removed('too_many_events');
          }
          break;
        case SPAN.links:
          if (kept.links++ < limits.links) {
            this.child(SPAN.links, valueStart, valueEnd, LINK, limits.linkAttributes, keys);
          } else {
            dropped.links++;
            removed('too_many_links');
          }
          break;
        case SPAN.droppedAttributesCount:
          dropped.attributes += reader.varint;
          break;
        case SPAN.droppedEventsCount:
          dropped.events += reader.varint;
          break;
        case SPAN.droppedLinksCount:
          dropped.links += reader.varint;
          break;
        default:
          writer.copy(bytes, at, reader.position);
      }
    }
    this.changed ||= kept.events > limits.events || kept.links > limits.links;
    if (endsBeforeStart) this.text(SPAN.attributes, encoder.encode(TIME_ERROR), END_BEFORE_START);
    this.count(SPAN.droppedAttributesCount, dropped.attributes);
    this.count(SPAN.droppedEventsCount, dropped.events);
    this.count(SPAN.droppedLinksCount, dropped.links);
    const length = writer.length - body;
    writer.end(body);
    return this.finish(before) ? length : -1;
  }

  /** Writes a Resource or Scope as this field. Returns false, and nothing is written, where it is to stay as it is. */
  envelope(field: number, start: number, end: number, fields: AttributeFields, keys: ServiceKeys): boolean {
    const before = this.writer.length;
    this.changed = false;
    this.child(field, start, end, fields, this.rules.limits.attributes, keys);
    return this.finish(before);
  }

  private finish(before: number): boolean {
    if (!this.changed) this.writer.truncate(before);
    return this.changed;
  }

  /** A message of which nothing but attributes is looked at. */
  private child(
    field: number,
    start: number,
    end: number,
    fields: AttributeFields,
    maxAttributes: number,
    keys: ServiceKeys,
  ): void {
    const { writer, bytes } = this;
    const body = writer.begin(field);
    let kept = 0;
    let dropped = 0;
    const reader = new ProtoReader(bytes, start);
    for (let at = start; reader.next(end); at = reader.position) {
      if (reader.field === fields.droppedAttributesCount) dropped += reader.varint;
      else if (reader.field !== fields.attributes) writer.copy(bytes, at, reader.position);
      else if (this.attribute(fields.attributes, reader.valueStart, reader.valueEnd, keys, kept < maxAttributes))
        kept++;
      else dropped++;
    }
    this.count(fields.droppedAttributesCount, dropped);
    writer.end(body);
  }

  private count(field: number, dropped: number): void {
    if (dropped > 0) this.writer.varintField(field, Math.min(dropped, MAX_COUNT));
  }

  /** Writes a KeyValue as the rules want it; false where they leave it out. */
  private attribute(field: number, start: number, end: number, keys: ServiceKeys, hasRoom: boolean): boolean {
    const { writer, bytes, rules } = this;
    const { keyStart, keyEnd } = findKey(bytes, start, end);
    const action = keys.action(bytes, keyStart, keyEnd);
    const reason = REMOVED_BY[action] ?? (hasRoom || action === KEEP_WHOLE ? undefined : 'too_many_attributes');
    if (reason) {
      rules.removed(reason);
      this.changed = true;
      return false;
    }
    const key = bytes.subarray(keyStart, keyEnd);
    if (action === MASK) this.text(field, key, REDACTED);
    else if (action === HASH) this.text(field, key, rules.hash(findContent(bytes, start, end)));
    else if (action === SCRUB_URL || action === SCRUB_QUERY) {
      this.edit(field, start, end, KEY_VALUE_PARTS, action === SCRUB_URL ? scrubUrl : scrubQuery);
    } else if (action === KEEP_WHOLE || end - start <= rules.limits.valueBytes) {
      writer.bytesField(field, bytes.subarray(start, end));
    } else this.edit(field, start, end, KEY_VALUE_PARTS);
    return true;
  }

  /** Writes a KeyValue whose value is a text. */
  private text(field: number, key: Uint8Array, text: string): void {
    const { writer } = this;
    const body = writer.begin(field);
    writer.bytesField(KEY_VALUE.key, key);
    const value = writer.begin(KEY_VALUE.value);
    writer.stringField(ANY_VALUE.stringValue, text);
    writer.end(value);
    writer.end(body);
    this.changed = true;
  }

  /** Copies a message with all texts and bytes in it that are values cut to the limit, the texts after `scrub`. */
  private edit(field: number, start: number, end: number, parts: ValueParts, scrub?: (text: string) => string): void {
    const { writer, bytes } = this;
    const { valueBytes } = this.rules.limits;
    const body = writer.begin(field);
    const reader = new ProtoReader(bytes, start);
    for (let at = start; reader.next(end); at = reader.position) {
      const { valueStart, valueEnd } = reader;
      const part = parts[reader.field];
      if (typeof part === 'object') this.edit(reader.field, valueStart, valueEnd, part, scrub);
      else if (part === 'text' && scrub) this.scrubbed(reader.field, valueStart, valueEnd, scrub);
      else if (part === undefined || valueEnd - valueStart <= valueBytes) writer.copy(bytes, at, reader.position);
      else this.cut(reader.field, bytes.subarray(valueStart, valueEnd), part);
    }
    writer.end(body);
  }

  private scrubbed(field: number, start: number, end: number, scrub: (text: string) => string): void {
    const before = this.bytes.subarray(start, end);
    const text = textAt(before, 0, before.length);
    const after = scrub(text);
    if (after !== text) this.changed = true;
    if (after === text) this.cut(field, before, 'text');
    else if (3 * after.length <= this.rules.limits.valueBytes) this.writer.stringField(field, after);
    else this.cut(field, encoder.encode(after), 'text');
  }

  private cut(field: number, value: Uint8Array, part: 'text' | 'bytes'): void {
    const { valueBytes } = this.rules.limits;
    const length = part === 'text' ? cutAt(value, valueBytes) : Math.min(value.length, valueBytes);
    this.writer.bytesField(field, value.subarray(0, length));
    if (length < value.length) this.changed = true;
  }
}

/** Which fields of a message in a value are messages, texts or bytes. */
interface ValueParts {
  [field: number]: ValueParts | 'text' | 'bytes';
}
const ANY_VALUE_PARTS: ValueParts = { [ANY_VALUE.stringValue]: 'text', [ANY_VALUE.bytesValue]: 'bytes' };
const KEY_VALUE_PARTS: ValueParts = { [KEY_VALUE.value]: ANY_VALUE_PARTS };
ANY_VALUE_PARTS[ANY_VALUE.arrayValue] = { [ARRAY_VALUE.values]: ANY_VALUE_PARTS };
ANY_VALUE_PARTS[ANY_VALUE.kvlistValue] = { [ARRAY_VALUE.values]: KEY_VALUE_PARTS };

/** The key of a KeyValue: of several the last one, as readers have it. */
function findKey(bytes: Uint8Array, start: number, end: number): { keyStart: number; keyEnd: number } {
  const reader = new ProtoReader(bytes, start);
  let keyStart = start;
  let keyEnd = start;
  while (reader.next(end)) {
    if (reader.field !== KEY_VALUE.key) continue;
    keyStart = reader.valueStart;
    keyEnd = reader.valueEnd;
  }
  return { keyStart, keyEnd };
}

/** What the value of a KeyValue says: the text where it is one, else its encoding. */
function findContent(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const reader = new ProtoReader(bytes, start);
  let content = bytes.subarray(start, start);
  while (reader.next(end)) {
    if (reader.field !== KEY_VALUE.value) continue;
    const { valueStart, valueEnd } = reader;
    reader.position = valueStart;
    while (reader.next(valueEnd)) {
      const kind: number = reader.field;
      if (kind === ANY_VALUE.stringValue) content = bytes.subarray(reader.valueStart, reader.valueEnd);
      else if (kind <= ANY_VALUE.bytesValue) content = bytes.subarray(valueStart, valueEnd);
    }
  }
  return content;
}

/** Where to cut a text so that no more than `maxBytes` are left and no character is cut in two. */
function cutAt(text: Uint8Array, maxBytes: number): number {
  if (text.length <= maxBytes) return text.length;
  let at = maxBytes;
  // A character has at most four bytes; what is not UTF-8 is cut anywhere.
  while (at > Math.max(0, maxBytes - 3) && (text[at]! & 0xc0) === 0x80) at--;
  return (text[at]! & 0xc0) === 0x80 ? maxBytes : at;
}
