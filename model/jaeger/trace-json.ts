/**
 * A trace as Jaeger's query service answers it and its UI takes it as a file. OpenTelemetry's fields become Jaeger's as its own
 * translator has it (opentelemetry-collector-contrib, `pkg/translator/jaeger/traces_to_jaegerproto.go`), values and processes as
 * its JSON does (jaeger, `internal/uimodel/converter/v1/json/from_domain.go`).
 */

import { parseLargeInteger } from '../query/value.ts';
import type { Attributes, AttributeValue, Span } from '../span.ts';
import { buildTree, type SpanTree, serviceOf } from '../tree.ts';

export interface JaegerKeyValue {
  readonly key: string;
  readonly type: 'string' | 'bool' | 'int64' | 'float64' | 'binary';
  /** An int64 beyond 2^53 as decimal digits, binary as base64. */
  readonly value: string | number | boolean;
}

export interface JaegerReference {
  readonly refType: 'CHILD_OF' | 'FOLLOWS_FROM';
  readonly traceID: string;
  readonly spanID: string;
}

export interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  /** 1 where the span was sampled, else absent. */
  readonly flags?: number;
  readonly operationName: string;
  /** The parent first. */
  readonly references: readonly JaegerReference[];
  /** Microseconds since the epoch. */
  readonly startTime: number;
  /** Microseconds; 0 where the end was not received. */
  readonly duration: number;
  readonly tags: readonly JaegerKeyValue[];
  readonly logs: readonly { readonly timestamp: number; readonly fields: readonly JaegerKeyValue[] }[];
  readonly processID: string;
  readonly warnings: readonly string[] | null;
}

export interface JaegerProcess {
  readonly serviceName: string;
  readonly tags: readonly JaegerKeyValue[];
}

export interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, JaegerProcess>>;
  readonly warnings: readonly string[] | null;
}

/**
 * The spans of one trace, each once and parents before children. The server's half of a span that Zipkin's client and server
 * share gets an id of its own, as Jaeger gives it one; a reference that closes a cycle is left out, since the UI would follow it.
 */
export function toJaegerTrace(spans: readonly Span[]): JaegerTrace {
  const tree = buildTree(spans);
  const ids = uniqueIds(tree);
  const processes = new Processes();
  return {
    traceID: spans[0]?.traceId ?? '',
    spans: tree.spans.map((span, row) => {
      const above = tree.parent[row]!;
      const isCut = tree.mark[row] === 'cycle';
      const parentId = above >= 0 ? ids[above] : isCut ? undefined : span.parentSpanId;
      return toJaegerSpan(span, ids[row]!, parentId, processes.idOf(span), warningsOf(span, isCut));
    }),
    processes: Object.fromEntries(processes.byId),
    warnings: null,
  };
}

function toJaegerSpan(
  span: Span,
  spanID: string,
  parentId: string | undefined,
  processID: string,
  warnings: string[],
): JaegerSpan {
  return {
    traceID: span.traceId,
    spanID,
    ...((span.traceFlags ?? 0) & 1 ? { flags: 1 } : {}),
    operationName: span.name,
    references: referencesOf(span, parentId),
    startTime: span.startUs,
    duration: span.durationUs ?? 0,
    tags: tagsOf(span),
    logs: span.events.map(({ name, timeUs, attributes }) => ({
      timestamp: timeUs,
      fields: [...textTag('event', 'event' in attributes ? '' : name), ...keyValues(attributes)],
    })),
    processID,
    warnings: warnings.length > 0 ? warnings : null,
  };
}

function referencesOf({ traceId, links }: Span, parentId: string | undefined): JaegerReference[] {
  const references: JaegerReference[] = [];
  if (parentId !== undefined) references.push({ refType: 'CHILD_OF', traceID: traceId, spanID: parentId });
  for (const link of links) {
    const refType = link.attributes['opentracing.ref_type'] === 'child_of' ? 'CHILD_OF' : 'FOLLOWS_FROM';
    const reference = { refType, traceID: link.traceId, spanID: link.spanId } as const;
    // A link to the parent says of what kind the reference to it is.
    if (link.traceId === traceId && link.spanId === parentId) references[0] = reference;
    else references.push(reference);
  }
  return references;
}

function tagsOf({ scope, attributes, kind, status, traceState }: Span): JaegerKeyValue[] {
  return [
    ...textTag('otel.scope.name', scope.name),
    ...textTag('otel.scope.version', scope.version),
    ...keyValues(attributes),
    ...textTag('span.kind', kind === 'unspecified' ? '' : kind),
    ...textTag('otel.status_code', status.code === 'unset' ? '' : status.code.toUpperCase()),
    ...(status.code === 'error' ? [{ key: 'error', type: 'bool', value: true } as const] : []),
    ...textTag('otel.status_description', status.message),
    ...textTag('w3c.tracestate', traceState),
  ];
}

function warningsOf({ state, parentSpanId }: Span, isCut: boolean): string[] {
  return [
    ...(state === 'ended' ? [] : [`the end of this span was not received: it is ${state}`]),
    ...(isCut ? [`its parent ${parentSpanId} is below it: the reference is left out`] : []),
  ];
}

/** None where there is no text. */
function textTag(key: string, value: string | undefined): JaegerKeyValue[] {
  return value ? [{ key, type: 'string', value }] : [];
}

function keyValues(attributes: Attributes): JaegerKeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, ...typed(value) }));
}

function typed(value: AttributeValue): Omit<JaegerKeyValue, 'key'> {
  switch (typeof value) {
    case 'string': {
      // What a decoded span has in place of an integer beyond 2^53.
      const isInteger = /^-?[1-9]\d{15,18}$/.test(value) && parseLargeInteger(value) !== null;
      return { type: isInteger ? 'int64' : 'string', value };
    }
    case 'number':
      return { type: Number.isInteger(value) ? 'int64' : 'float64', value };
    case 'boolean':
      return { type: 'bool', value };
    case 'object':
      if (value === null) return { type: 'string', value: '' };
      if (isBytes(value)) return { type: 'binary', value: value.bytes };
      return { type: 'string', value: JSON.stringify(value, (_, part) => (isBytes(part) ? part.bytes : part)) };
  }
}

/** A map of one text under `bytes` looks the same; it is shown as that text. */
function isBytes(value: AttributeValue): value is { readonly bytes: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return typeof (value as Attributes).bytes === 'string' && Object.keys(value).length === 1;
}

/** Numbered `p1`, `p2`, … in order of first appearance; equal ones are one. */
class Processes {
  readonly byId = new Map<string, JaegerProcess>();
  readonly #ofResource = new Map<Span['resource'], string>();
  readonly #ofContent = new Map<string, string>();

  idOf(span: Span): string {
    const known = this.#ofResource.get(span.resource);
    if (known !== undefined) return known;
    const { 'service.name': _, ...others } = span.resource.attributes;
    const process = { serviceName: serviceOf(span), tags: keyValues(others) };
    const content = JSON.stringify(process);
    const id = this.#ofContent.get(content) ?? `p${this.byId.size + 1}`;
    this.#ofResource.set(span.resource, id);
    this.#ofContent.set(content, id);
    this.byId.set(id, process);
    return id;
  }
}

/** The id of each row: its span's own, but for a server's half below the client's of the same id the next that is not in use. */
function uniqueIds({ spans, parent }: SpanTree): string[] {
  const ids = spans.map(({ spanId }) => spanId);
  const used = new Set(ids);
  for (const { parentSpanId } of spans) if (parentSpanId !== undefined) used.add(parentSpanId);
  for (const [row, span] of spans.entries()) {
    if (parent[row]! < 0 || spans[parent[row]!]!.spanId !== span.spanId) continue;
    while (used.has(ids[row]!)) ids[row] = following(ids[row]!);
    used.add(ids[row]!);
  }
  return ids;
}

function following(spanId: string): string {
  return BigInt.asUintN(64, BigInt(`0x${spanId}`) + 1n)
    .toString(16)
    .padStart(16, '0');
}
