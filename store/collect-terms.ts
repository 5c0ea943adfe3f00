/**
 * Finds the terms of a block's traces: one walk over the OTLP that hashes each attribute's bytes as they are and decodes only
 * those not seen before. An attribute that repeats, as most do, costs a hash and a comparison.
 */

import { MAX_TERM_BYTES } from '../model/limits.ts';
import {
  ANY_VALUE,
  KEY_VALUE,
  RESOURCE,
  RESOURCE_SPANS,
  SCOPE_SPANS,
  SPAN,
  TRACES_DATA,
} from '../model/otlp/fields.ts';
import { ProtoError, ProtoReader } from '../model/otlp/proto-reader.ts';
import { BYTES } from '../model/otlp/proto-writer.ts';
import { MAX_TERMS_PER_BLOCK, MAX_VALUES_PER_KEY } from './bounds.ts';
import { InternTable } from './intern-table.ts';
import { isSameBytes, TERM_KINDS, type TermKind } from './term.ts';
import type { TermIndex } from './term-index.ts';

/** Salts of the table's three uses; a kind, or a key and a type, come on top. */
const RAW = 0;
const KEY = 8;
const VALUE = 16;
/** Not found, not a term, or came after its key was full. */
const NO_TERM = -1;
const NOTHING = new Uint8Array(0);
const SERVICE_NAME = new TextEncoder().encode('service.name');
const UNKNOWN_SERVICE = new TextEncoder().encode('unknown_service');

interface KeyTerms {
  readonly kind: TermKind;
  readonly key: Uint8Array;
  isIncomplete: boolean;
  readonly values: ValueTraces[];
}

interface ValueTraces {
  readonly type: number;
  readonly value: Uint8Array;
  readonly traces: number[];
}

/** The terms of traces given as OTLP `TracesData`, named by their places in the list. What is not OTLP makes it incomplete. */
export function collectTerms(traces: readonly Uint8Array[]): TermIndex {
  const collector = new TermCollector();
  for (const [place, otlp] of traces.entries()) collector.add(otlp, place);
  return collector.finish(traces.length);
}

class TermCollector {
  private readonly table = new InternTable();
  private readonly keys: KeyTerms[] = [];
  private readonly terms: ValueTraces[] = [];
  /** Of each term. */
  private readonly termKeys: number[] = [];
  /** The key of the resource attribute that names the service. */
  private serviceNameKey = NO_TERM;
  private isIncomplete = false;
  private place = 0;
  private reader = new ProtoReader(new Uint8Array(0));

  add(otlp: Uint8Array, place: number): void {
    this.place = place;
    this.reader = new ProtoReader(otlp);
    try {
      this.addResources(otlp.length);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.isIncomplete = true;
    }
  }

  finish(traceCount: number): TermIndex {
    return { traceCount, isIncomplete: this.isIncomplete, keys: this.keys };
  }

  private addResources(end: number): void {
    const { reader } = this;
    while (reader.next(end)) {
      if (reader.field !== TRACES_DATA.resourceSpans || reader.wireType !== BYTES) continue;
      const { valueStart, valueEnd } = reader;
      // The resource names the service of the spans, and need not come before them.
      const operationKey = this.addResource(valueStart, valueEnd);
      reader.position = valueStart;
      while (reader.next(valueEnd)) {
        const field: number = reader.field;
        if (field === RESOURCE_SPANS.scopeSpans && reader.wireType === BYTES)
          this.addScope(reader.valueEnd, operationKey);
      }
    }
  }

  private addScope(end: number, operationKey: number): void {
    const { reader } = this;
    reader.position = reader.valueStart;
    while (reader.next(end)) {
      if (reader.field !== SCOPE_SPANS.spans || reader.wireType !== BYTES) continue;
      const spanEnd = reader.valueEnd;
      reader.position = reader.valueStart;
      this.addSpan(spanEnd, operationKey);
    }
  }

  /** The key of the operations of the resource's service. */
  private addResource(start: number, end: number): number {
    const { reader } = this;
    let service = UNKNOWN_SERVICE;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field !== RESOURCE_SPANS.resource || reader.wireType !== BYTES) continue;
      const resourceEnd = reader.valueEnd;
      reader.position = reader.valueStart;
      while (reader.next(resourceEnd)) {
        if (reader.field !== RESOURCE.attributes || reader.wireType !== BYTES) continue;
        const next = reader.valueEnd;
        const term = this.addAttribute(TERM_KINDS.resource, reader.valueStart, next);
        if (term !== NO_TERM && this.isServiceName(term)) service = this.terms[term]!.value;
        reader.position = next;
      }
    }
    const services = this.keyOf(TERM_KINDS.service, NOTHING, 0, 0);
    this.mark(this.addTerm(services, ANY_VALUE.stringValue, service, 0, service.length));
    return this.keyOf(TERM_KINDS.operation, service, 0, service.length);
  }

  private addSpan(end: number, operationKey: number): void {
    const { reader } = this;
    while (reader.next(end)) {
      if (reader.wireType !== BYTES) continue;
      const { field, valueStart, valueEnd } = reader;
      if (field === SPAN.attributes) {
        this.addAttribute(TERM_KINDS.span, valueStart, valueEnd);
        reader.position = valueEnd;
      } else if (field === SPAN.name) {
        this.mark(this.addTerm(operationKey, ANY_VALUE.stringValue, reader.bytes, valueStart, valueEnd));
      }
    }
  }

  /** The term of the KeyValue at a range, marked as one of the trace's. */
  private addAttribute(kind: TermKind, start: number, end: number): number {
    const { bytes } = this.reader;
    let term = this.table.find(RAW + kind, bytes, start, end);
    if (term === NO_TERM) {
      term = this.decodeAttribute(kind, start, end);
      // What found no room is not remembered either: memory stays bounded whatever comes.
      if (term !== NO_TERM) this.table.add(RAW + kind, bytes, start, end, term);
    }
    this.mark(term);
    return term;
  }

  private decodeAttribute(kind: TermKind, start: number, end: number): number {
    const { reader } = this;
    let keyStart = 0;
    let keyEnd = 0;
    let type = 0;
    let valueStart = 0;
    let valueEnd = 0;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === KEY_VALUE.key) {
        keyStart = reader.valueStart;
        keyEnd = reader.valueEnd;
      } else if (reader.field === KEY_VALUE.value && reader.wireType === BYTES) {
        const anyEnd = reader.valueEnd;
        reader.position = reader.valueStart;
        while (reader.next(anyEnd)) {
          if (reader.field > ANY_VALUE.bytesValue) continue;
          type = reader.field;
          valueStart = reader.valueStart;
          valueEnd = reader.valueEnd;
        }
      }
    }
    if (type < ANY_VALUE.stringValue || type > ANY_VALUE.doubleValue) return NO_TERM;
    return this.addTerm(this.keyOf(kind, reader.bytes, keyStart, keyEnd), type, reader.bytes, valueStart, valueEnd);
  }

  private keyOf(kind: TermKind, bytes: Uint8Array, start: number, end: number): number {
    const cutEnd = Math.min(end, start + MAX_TERM_BYTES);
    const found = this.table.find(KEY + kind, bytes, start, cutEnd);
    if (found !== NO_TERM) return found;
    if (this.keys.length >= MAX_VALUES_PER_KEY) {
      this.isIncomplete = true;
      return NO_TERM;
    }
    const key = bytes.slice(start, cutEnd);
    const index = this.keys.push({ kind, key, isIncomplete: false, values: [] }) - 1;
    if (kind === TERM_KINDS.resource && isSameBytes(key, SERVICE_NAME)) this.serviceNameKey = index;
    this.table.add(KEY + kind, bytes, start, cutEnd, index);
    return index;
  }

  private addTerm(keyIndex: number, type: number, bytes: Uint8Array, start: number, end: number): number {
    if (keyIndex === NO_TERM) return NO_TERM;
    const cutEnd = Math.min(end, start + MAX_TERM_BYTES);
    const found = this.table.find(VALUE + keyIndex * 8 + type, bytes, start, cutEnd);
    if (found !== NO_TERM) return found;
    const key = this.keys[keyIndex]!;
    if (key.values.length >= MAX_VALUES_PER_KEY || this.terms.length >= MAX_TERMS_PER_BLOCK) {
      key.isIncomplete = true;
      return NO_TERM;
    }
    const value: ValueTraces = { type, value: bytes.slice(start, cutEnd), traces: [] };
    key.values.push(value);
    const term = this.terms.push(value) - 1;
    this.termKeys.push(keyIndex);
    this.table.add(VALUE + keyIndex * 8 + type, bytes, start, cutEnd, term);
    return term;
  }

  private mark(term: number): void {
    if (term === NO_TERM) return;
    const { traces } = this.terms[term]!;
    if (traces[traces.length - 1] !== this.place) traces.push(this.place);
  }

  private isServiceName(term: number): boolean {
    return this.termKeys[term] === this.serviceNameKey && this.terms[term]!.type === ANY_VALUE.stringValue;
  }
}
