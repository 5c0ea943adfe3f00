/**
 * Applies the rules to the spans of a scanned message: a walk over keys and lengths finds those that a rule may be about, and
 * only they are written again, behind the message's bytes. The rows point there; ids and names stay where they were.
 */

import { MAX_SLICED_BYTES } from '../limits.ts';
import { concatBytes } from '../slice-frame.ts';
import { EVENT, KEY_VALUE, LINK, RESOURCE, RESOURCE_SPANS, SCOPE, SCOPE_SPANS, SPAN } from './fields.ts';
import { KEEP, KEEP_WHOLE, SCRUB_QUERY, SCRUB_URL, type ServiceKeys } from './key-actions.ts';
import { ProtoReader, TooManyError } from './proto-reader.ts';
import { BYTES, FIXED64, VARINT } from './proto-writer.ts';
import { type AttributeFields, Rewriter } from './rewrite.ts';
import { rereadResource } from './scan.ts';
import type { SpanLimits, SpanRules } from './span-rules.ts';
import type { Envelope, SpanTable } from './span-table.ts';

const tagOf = (field: number, wireType: number) => (field << 3) | wireType;
const TAG_KIND = tagOf(SPAN.kind, VARINT);
const TAG_START = tagOf(SPAN.startTimeUnixNano, FIXED64);
const TAG_END = tagOf(SPAN.endTimeUnixNano, FIXED64);
const TAG_ATTRIBUTES = tagOf(SPAN.attributes, BYTES);
const TAG_EVENTS = tagOf(SPAN.events, BYTES);
const TAG_LINKS = tagOf(SPAN.links, BYTES);
const TAG_KEY = tagOf(KEY_VALUE.key, BYTES);
const TAG_VALUE = tagOf(KEY_VALUE.value, BYTES);
const EQUALS = 0x3d;
const AT_SIGN = 0x40;

/**
 * Changes the table's good rows, resources and scopes to what the rules want. Each row's bytes are again a Span. Throws TooManyError
 * where they become more than a request may grow to: what stands for a masked value may be longer than that was.
 */
export function applyRules(table: SpanTable, rules: SpanRules): void {
  applyToEnvelopes(table, rules);
  const { bytes } = table;
  const rewriter = new Rewriter(bytes, rules);
  const reader = new ProtoReader(bytes);
  const moved: number[] = [];
  let resource = -1;
  let keys: ServiceKeys | null = null;
  for (let i = 0; i < table.count; i++) {
    if (table.isRejected(i)) continue;
    if (keys === null || table.resource(i) !== resource) {
      resource = table.resource(i);
      keys = rules.keys.of(table.service(i));
    }
    const start = table.start[i]!;
    const end = table.end[i]!;
    const endsBeforeStart = table.endUs[i] !== 0 && table.endUs[i]! < table.startUs[i]!;
    if (!endsBeforeStart && !mayChange(reader, start, end, rules.limits, keys)) continue;
    const length = rewriter.span(start, end, keys, endsBeforeStart);
    if (length !== -1) moved.push(i, length, rewriter.writer.length);
    if (rewriter.writer.length > MAX_SLICED_BYTES) {
      throw new TooManyError(`more than ${MAX_SLICED_BYTES} bytes with its values masked`);
    }
  }
  if (moved.length === 0) return;
  table.extend(concatBytes([bytes, rewriter.writer.finish()]));
  for (let m = 0; m < moved.length; m += 3) {
    const end = bytes.length + moved[m + 2]!;
    table.start[moved[m]!] = end - moved[m + 1]!;
    table.end[moved[m]!] = end;
  }
}

function applyToEnvelopes(table: SpanTable, rules: SpanRules): void {
  for (const resource of table.resources) {
    const keys = rules.keys.of(resource.service);
    // What the catalog is told of is what is stored.
    if (applyToEnvelope(resource, RESOURCE_SPANS.resource, RESOURCE, rules, keys)) rereadResource(resource);
  }
  for (const scope of table.scopes) {
    const { service } = table.resources[scope.resource]!;
    applyToEnvelope(scope, SCOPE_SPANS.scope, SCOPE, rules, rules.keys.of(service));
  }
}

/** Writes the Resource or the Scope in an envelope again, which is the field `message`, where that changes it; says whether. */
function applyToEnvelope(
  envelope: Envelope,
  message: number,
  fields: AttributeFields,
  rules: SpanRules,
  keys: ServiceKeys,
): boolean {
  let isAnyChanged = false;
  for (const [p, part] of envelope.parts.entries()) {
    const rewriter = new Rewriter(part, rules);
    const { writer } = rewriter;
    const reader = new ProtoReader(part);
    let isChanged = false;
    for (let at = 0; reader.next(part.length); at = reader.position) {
      const { valueStart, valueEnd } = reader;
      if (reader.field === message && rewriter.envelope(message, valueStart, valueEnd, fields, keys)) isChanged = true;
      else writer.copy(part, at, reader.position);
    }
    if (!isChanged) continue;
    isAnyChanged = true;
    envelope.parts[p] = writer.finish();
    envelope.bytes += writer.length - part.length;
  }
  return isAnyChanged;
}

/** False for a span that no rule is about. True says nothing. */
function mayChange(reader: ProtoReader, start: number, end: number, limits: SpanLimits, keys: ServiceKeys): boolean {
  const { bytes } = reader;
  let attributes = 0;
  let events = 0;
  let links = 0;
  let at = start;
  while (at < end) {
    const tag = bytes[at]!;
    if (tag === TAG_START || tag === TAG_END) {
      at += 9;
      continue;
    }
    let length = bytes[at + 1]!;
    let value = at + 2;
    if (tag === TAG_KIND && length < 0x80) {
      at = value;
      continue;
    }
    if (length > 0x7f) length += (bytes[value++]! << 7) - 0x80;
    if (tag > 0x7f || (tag & 7) !== BYTES || length >= 0x4000) {
      reader.position = at;
      reader.next(end);
      const { field } = reader;
      if (field === SPAN.attributes || field === SPAN.events || field === SPAN.links) return true;
      at = reader.position;
      continue;
    }
    at = value + length;
    if (tag === TAG_ATTRIBUTES) {
      if (++attributes > limits.attributes || attributeMayChange(bytes, value, at, limits, keys)) return true;
    } else if (tag === TAG_EVENTS) {
      if (
        ++events > limits.events ||
        childMayChange(reader, value, at, EVENT.attributes, limits.eventAttributes, limits, keys)
      )
        return true;
    } else if (tag === TAG_LINKS) {
      if (
        ++links > limits.links ||
        childMayChange(reader, value, at, LINK.attributes, limits.linkAttributes, limits, keys)
      )
        return true;
    }
  }
  return false;
}

/** The same of an event or a link. */
function childMayChange(
  reader: ProtoReader,
  start: number,
  end: number,
  field: number,
  maxAttributes: number,
  limits: SpanLimits,
  keys: ServiceKeys,
): boolean {
  let attributes = 0;
  reader.position = start;
  while (reader.next(end)) {
    if (reader.field !== field) continue;
    const { bytes, valueStart, valueEnd } = reader;
    if (++attributes > maxAttributes || attributeMayChange(bytes, valueStart, valueEnd, limits, keys)) return true;
  }
  return false;
}

/** The same of a KeyValue. */
function attributeMayChange(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: SpanLimits,
  keys: ServiceKeys,
): boolean {
  const keyStart = start + 2;
  if (end - start > limits.valueBytes || keyStart > end || bytes[start] !== TAG_KEY || bytes[start + 1]! > 0x7f)
    return true;
  const keyEnd = keyStart + bytes[start + 1]!;
  // After the key a value and nothing else: no other key.
  if (keyEnd + 2 > end || bytes[keyEnd] !== TAG_VALUE) return true;
  let value = keyEnd + 2;
  let length = bytes[keyEnd + 1]!;
  if (length > 0x7f) length += (bytes[value++]! << 7) - 0x80;
  if (length >= 0x4000 || value + length !== end) return true;
  const action = keys.action(bytes, keyStart, keyEnd);
  if (action === KEEP || action === KEEP_WHOLE) return false;
  if (action !== SCRUB_URL && action !== SCRUB_QUERY) return true;
  for (let at = value; at < end; at++) {
    const byte = bytes[at];
    if (byte === EQUALS || byte === AT_SIGN) return true;
  }
  return false;
}
