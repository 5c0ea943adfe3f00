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

/** The version of a span that stands so far. */
interface Standing {
  readonly place: number;
  readonly isRoot: boolean;
  readonly startUs: number;
  readonly isEnded: boolean;
  readonly bytes: number;
  readonly met: bigint;
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
  private readonly spans = new Map<string, Standing>();
  private places = 0;
  private reader = new ProtoReader(new Uint8Array(0));
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
    this.places = 0;
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
    let root: Standing | null = null;
    for (const span of this.spans.values()) {
      met |= span.met;
      if (root === null || isBetterRoot(span, root)) root = span;
    }
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
    let id = '';
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
          id = `${view.getUint32(valueStart)}:${view.getUint32(valueStart + 4)}`;
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
    const place = this.places++;
    const span = { place, isRoot, startUs, isEnded, bytes: end - start, met: met | resource.met };
    const key = `${id}${isServer ? 's' : ''}${resource.isPage ? 'p' : ''}`;
    const known = this.spans.get(key);
    if (!known || isBetterVersion(span, known)) this.spans.set(key, span);
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
    const keyValue = this.readKeyValue(start, end);
    let met = before;
    let value: AttributeValue | undefined;
    for (const { condition, key, bit } of tests) {
      if (!this.isAt(key, keyValue.keyStart, keyValue.keyEnd)) continue;
      value ??= decodeAnyValue(this.reader.bytes.subarray(keyValue.valueStart, keyValue.valueEnd));
      met = passesTest(value, condition.test) ? met | bit : met & ~bit;
    }
    return met;
  }

  private readKeyValue(start: number, end: number) {
    const { reader } = this;
    let [keyStart, keyEnd, valueStart, valueEnd] = [start, start, start, start];
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === KEY_VALUE.key) {
        keyStart = reader.valueStart;
        keyEnd = reader.valueEnd;
      } else if (reader.field === KEY_VALUE.value && reader.wireType === BYTES) {
        valueStart = reader.valueStart;
        valueEnd = reader.valueEnd;
      }
    }
    return { keyStart, keyEnd, valueStart, valueEnd };
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
        const attribute = this.readKeyValue(valueStart, valueEnd);
        const value = () => decodeAnyValue(reader.bytes.subarray(attribute.valueStart, attribute.valueEnd));
        if (this.isAt(SERVICE_NAME, attribute.keyStart, attribute.keyEnd)) service = value();
        else if (this.isAt(CLASS_KEY, attribute.keyStart, attribute.keyEnd)) isPage ||= value() === 'page';
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

/** As `otlp/merge.ts` has it: the ended version, then the larger, then the one that came first. */
function isBetterVersion(span: Standing, than: Standing): boolean {
  return span.isEnded !== than.isEnded ? span.isEnded : span.bytes > than.bytes;
}

/** As `matchesSpans` has it, of decoded spans: they are in order of start, then of appearance. */
function isBetterRoot(span: Standing, than: Standing): boolean {
  if (span.isRoot !== than.isRoot) return span.isRoot;
  return span.startUs !== than.startUs ? span.startUs < than.startUs : span.place < than.place;
}
