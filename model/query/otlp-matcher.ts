/**
 * Whether a trace matches, found in its OTLP by one walk that decodes the values of the attributes asked for and nothing else.
 * Answers as `matchesSpans` does of the decoded spans, each in the version that stands.
 */

import { cutName } from '../names.ts';
import { decodeAnyValue } from '../otlp/attributes.ts';
import { KEY_VALUE, RESOURCE, RESOURCE_SPANS, SCOPE_SPANS, SPAN, TRACES_DATA } from '../otlp/fields.ts';
import { ProtoReader } from '../otlp/proto-reader.ts';
import { BYTES, FIXED64, VARINT } from '../otlp/proto-writer.ts';
import { KEY_CLASS, textAt } from '../otlp/span-table.ts';
import type { AttributeValue } from '../span.ts';
import type { AttributeCondition, TraceConditions } from './conditions.ts';
import { StandingSpans } from './standing-spans.ts';
import { passesTest } from './value.ts';

const encoder = new TextEncoder();
const SERVER = 2;
const NAMES = 1n;
const ROOT_NAMES = 2n;
const FIRST_ATTRIBUTE = 2;
/** Traces of the same services have the same resources, byte by byte. */
const MAX_KNOWN_RESOURCES = 16;
const SERVICE_NAME = encoder.encode('service.name');
const CLASS_KEY = encoder.encode(KEY_CLASS);

interface AttributeTest {
  readonly condition: AttributeCondition;
  readonly key: Uint8Array;
  readonly bit: bigint;
}

interface KnownResource {
  readonly bytes: Uint8Array;
  /** Conditions that the resource alone meets. */
  readonly met: bigint;
  readonly service: string;
  readonly isPage: boolean;
}

export class OtlpMatcher {
  private readonly search: TraceConditions;
  private readonly ofSpans: readonly AttributeTest[];
  private readonly ofResources: readonly AttributeTest[];
  /** What some span has to meet, and what the root has to. */
  private readonly wanted: bigint;
  private readonly wantedOfRoot: bigint;
  private readonly asksNames: boolean;
  private readonly resources: KnownResource[] = [];
  private readonly spans = new StandingSpans();
  private reader = new ProtoReader(new Uint8Array(0));
  /** Of the attribute that was read last. */
  private keyStart = 0;
  private keyEnd = 0;
  private valueStart = 0;
  private valueEnd = 0;
  private view: DataView = new DataView(new ArrayBuffer(0));

  constructor(search: TraceConditions) {
    this.search = search;
    const tests = search.attributes.map((condition, i): AttributeTest => {
      return { condition, key: encoder.encode(condition.key), bit: 1n << BigInt(FIRST_ATTRIBUTE + i) };
    });
    this.ofSpans = tests.filter(({ condition }) => condition.on !== 'resource');
    this.ofResources = tests.filter(({ condition }) => condition.on !== 'span');
    const sum = (of: readonly AttributeTest[]) => of.reduce((bits, { bit }) => bits | bit, 0n);
    const hasNames = search.service !== undefined || search.operation !== undefined;
    const hasRootNames = search.rootService !== undefined || search.rootOperation !== undefined;
    this.asksNames = hasNames || hasRootNames;
    this.wanted = sum(tests.filter(({ condition }) => condition.on !== 'root')) | (hasNames ? NAMES : 0n);
    this.wantedOfRoot =
      sum(tests.filter(({ condition }) => condition.on === 'root')) | (hasRootNames ? ROOT_NAMES : 0n);
  }

  /** Begins another trace. */
  begin(): void {
    this.spans.clear();
  }

  /** `TracesData` bytes of the trace, which may come in any number of pieces. @throws ProtoError */
  add(otlp: Uint8Array): void {
    this.reader = new ProtoReader(otlp);
    this.view = new DataView(otlp.buffer, otlp.byteOffset, otlp.byteLength);
    const { reader } = this;
    while (reader.next(otlp.length)) {
      if (reader.field !== TRACES_DATA.resourceSpans || reader.wireType !== BYTES) continue;
      this.addResourceSpans(reader.valueStart, reader.valueEnd);
    }
  }

  /** Whether what was added matches. */
  matches(): boolean {
    let met = 0n;
    for (const span of this.spans.all()) met |= span.met;
    const root = this.spans.root();
    if (root === null) return this.wanted === 0n && this.wantedOfRoot === 0n;
    return (met & this.wanted) === this.wanted && (root.met & this.wantedOfRoot) === this.wantedOfRoot;
  }

  private addResourceSpans(start: number, end: number): void {
    const { reader } = this;
    // The resource need not come before its spans.
    const resource = this.readResource(start, end);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === RESOURCE_SPANS.scopeSpans && reader.wireType === BYTES) {
        this.addScopeSpans(resource, reader.valueStart, reader.valueEnd);
      }
    }
  }

  private addScopeSpans(resource: KnownResource, start: number, end: number): void {
    const { reader } = this;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field !== SCOPE_SPANS.spans || reader.wireType !== BYTES) continue;
      const { valueStart, valueEnd } = reader;
      reader.position = valueStart;
      this.addSpan(resource, valueStart, valueEnd);
    }
  }

  private addSpan(resource: KnownResource, start: number, end: number): void {
    const { reader, view } = this;
    let id0 = 0;
    let id1 = 0;
    let isServer = false;
    let isRoot = true;
    let isEnded = false;
    let startUs = 0;
    let met = 0n;
    let name = '';
    while (reader.next(end)) {
      const { field, wireType, valueStart, valueEnd } = reader;
      if (wireType === BYTES) {
        if (field === SPAN.attributes) {
          met = this.readAttribute(this.ofSpans, met, valueStart, valueEnd);
          reader.position = valueEnd;
        } else if (field === SPAN.spanId) {
          id0 = view.getUint32(valueStart);
          id1 = view.getUint32(valueStart + 4);
        } else if (field === SPAN.parentSpanId) {
          const hasId = valueEnd - valueStart === 8;
          isRoot = !hasId || (view.getUint32(valueStart) === 0 && view.getUint32(valueStart + 4) === 0);
        } else if (field === SPAN.name && this.asksNames) {
          name = textAt(reader.bytes, valueStart, valueEnd);
        }
      } else if (wireType === FIXED64) {
        if (field === SPAN.startTimeUnixNano) startUs = reader.fixed64Micros();
        else if (field === SPAN.endTimeUnixNano) isEnded = reader.fixed64Micros() > 0;
      } else if (wireType === VARINT && field === SPAN.kind) isServer = reader.varint === SERVER;
    }
    if (this.asksNames) met |= this.namesMet(resource.service, name);
    const kind = (isServer ? 2 : 0) + (resource.isPage ? 1 : 0);
    this.spans.add({ id0, id1, kind, isRoot, startUs, isEnded, bytes: end - start, met: met | resource.met });
  }

  private namesMet(spanService: string, spanName: string): bigint {
    const { service, operation, rootService, rootOperation } = this.search;
    const isNamed = (ofService: string | undefined, ofName: string | undefined) =>
      (ofService === undefined || cutName(spanService) === cutName(ofService)) &&
      (ofName === undefined || cutName(spanName) === cutName(ofName));
    return (isNamed(service, operation) ? NAMES : 0n) | (isNamed(rootService, rootOperation) ? ROOT_NAMES : 0n);
  }

  /** What is met with the attribute at a range, of several with one key the last. Leaves the reader somewhere in it. */
  private readAttribute(tests: readonly AttributeTest[], before: bigint, start: number, end: number): bigint {
    if (tests.length === 0) return before;
    this.readKeyValue(start, end);
    let met = before;
    for (const { condition, key, bit } of tests) {
      if (!this.isAt(key, this.keyStart, this.keyEnd)) continue;
      met = passesTest(this.value(), condition.test) ? met | bit : met & ~bit;
    }
    return met;
  }

  /** Finds key and value of the attribute at a range. */
  private readKeyValue(start: number, end: number): void {
    const { reader } = this;
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === KEY_VALUE.key) {
        this.keyStart = reader.valueStart;
        this.keyEnd = reader.valueEnd;
      } else if (reader.field === KEY_VALUE.value && reader.wireType === BYTES) {
        this.valueStart = reader.valueStart;
        this.valueEnd = reader.valueEnd;
      }
    }
  }

  /** The value that was found last. */
  private value(): AttributeValue {
    return decodeAnyValue(this.reader.bytes.subarray(this.valueStart, this.valueEnd));
  }

  /** The resource of the ResourceSpans at a range. */
  private readResource(start: number, end: number): KnownResource {
    const { reader } = this;
    const ranges: [start: number, end: number][] = [];
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === RESOURCE_SPANS.resource && reader.wireType === BYTES) {
        ranges.push([reader.valueStart, reader.valueEnd]);
      }
    }
    // Of one piece, but for what nobody sends.
    const [from, to] = ranges.length === 1 ? ranges[0]! : [start, start];
    const known = this.resources.find(({ bytes }) => ranges.length === 1 && this.isAt(bytes, from, to));
    if (known) return known;
    let met = 0n;
    let service: AttributeValue = '';
    let isPage = false;
    for (const [rangeStart, rangeEnd] of ranges) {
      reader.position = rangeStart;
      while (reader.next(rangeEnd)) {
        if (reader.field !== RESOURCE.attributes || reader.wireType !== BYTES) continue;
        const { valueStart, valueEnd } = reader;
        met = this.readAttribute(this.ofResources, met, valueStart, valueEnd);
        this.readKeyValue(valueStart, valueEnd);
        if (this.isAt(SERVICE_NAME, this.keyStart, this.keyEnd)) service = this.value();
        else if (this.isAt(CLASS_KEY, this.keyStart, this.keyEnd)) isPage ||= this.value() === 'page';
        reader.position = valueEnd;
      }
    }
    const name = typeof service === 'string' && service !== '' ? service : 'unknown_service';
    const resource = { bytes: reader.bytes.slice(from, to), met, service: name, isPage };
    if (ranges.length === 1) this.resources.unshift(resource);
    if (this.resources.length > MAX_KNOWN_RESOURCES) this.resources.pop();
    return resource;
  }

  private isAt(wanted: Uint8Array, start: number, end: number): boolean {
    if (end - start !== wanted.length) return false;
    const { bytes } = this.reader;
    for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
    return true;
  }
}
