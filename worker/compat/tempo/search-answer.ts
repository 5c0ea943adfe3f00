/** What a search found, as `tempopb.SearchResponse` in protobuf's JSON: 64-bit numbers as text, what is empty left out. */

import type { AttributeValue, TraceSummary } from '../../../model/span.ts';
import type { Field } from '../../../model/traceql/ast.ts';
import type { Spanset } from '../../../model/traceql/evaluate.ts';
import { fieldValue } from '../../../model/traceql/field-value.ts';
import { shortTraceId, type TraceView } from '../../../model/traceql/trace-view.ts';
import { formatValue, type Literal, type Value } from '../../../model/traceql/value.ts';

/** What Tempo says of a trace whose root has not come. */
const NO_ROOT = '<root span not yet received>';

/** A trace that was found, and in which spansets of it. */
export interface Found {
  readonly summary: TraceSummary;
  /** null where a search is not about spans. */
  readonly match: { readonly view: TraceView; readonly spansets: readonly Spanset[] } | null;
}

/** Said of each span by itself, or of the trace. */
const NOT_AMONG_ATTRIBUTES: readonly string[] = [
  ...['name', 'duration', 'traceDuration', 'rootName', 'rootServiceName', 'trace:id', 'span:id'],
];

/** @param fields what the query names, told of each span that has it */
export function traceMetadata({ summary, match }: Found, fields: readonly Field[], spansPerSpanset: number) {
  const isHeadless = summary.completeness.reasons.includes('root_missing');
  const spanSets = match?.spansets.map((spanset) => spansetJson(match.view, spanset, fields, spansPerSpanset));
  return {
    traceID: shortTraceId(summary.traceId),
    rootServiceName: isHeadless ? NO_ROOT : summary.rootService,
    ...(isHeadless || summary.rootOperation === '' ? {} : { rootTraceName: summary.rootOperation }),
    startTimeUnixNano: nanos(summary.startUs),
    ...unlessZero('durationMs', Math.floor(summary.durationUs / 1000)),
    ...(spanSets?.[0] ? { spanSet: spanSets[0], spanSets } : {}),
    serviceStats: Object.fromEntries(
      summary.services.map(({ name, spanCount, errorCount }) => [
        name,
        { ...unlessZero('spanCount', spanCount), ...unlessZero('errorCount', errorCount) },
      ]),
    ),
  };
}

function spansetJson(view: TraceView, spanset: Spanset, fields: readonly Field[], spansPerSpanset: number) {
  const { rows } = spanset;
  const attributes = spanset.attributes.flatMap(([key, value]) => keyValue(key, value));
  return {
    spans: rows.slice(0, spansPerSpanset).map((row) => spanJson(view, row, fields)),
    matched: rows.length,
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}

function spanJson(view: TraceView, row: number, fields: readonly Field[]) {
  const span = view.tree.spans[row]!;
  const isNamed = fields.some(({ kind, name }) => kind === 'intrinsic' && name === 'name');
  const attributes = fields.flatMap((field) => {
    if (field.kind === 'intrinsic' && NOT_AMONG_ATTRIBUTES.includes(field.name)) return [];
    return keyValue(field.name, fieldValue(field, view, row));
  });
  return {
    spanID: span.spanId,
    ...(isNamed && span.name !== '' ? { name: span.name } : {}),
    startTimeUnixNano: nanos(span.startUs),
    ...(span.durationUs ? { durationNanos: nanos(span.durationUs) } : {}),
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}

/** Nothing of what is not there, or is of no type that TraceQL has. */
function keyValue(key: string, value: Value) {
  if (value.type === 'nil' || value.type === 'other') return [];
  const values = value.type === 'many' ? { arrayValue: { values: value.values.map(anyValue) } } : anyValue(value);
  return [{ key, value: values }];
}

/** As OTLP's AnyValue. */
export function anyValue(value: Literal): Readonly<Record<string, AttributeValue>> {
  switch (value.type) {
    case 'int':
      return { intValue: String(value.value) };
    case 'float':
      return { doubleValue: value.value };
    case 'bool':
      return { boolValue: value.value };
    default:
      return { stringValue: formatValue(value) };
  }
}

function nanos(us: number): string {
  return (BigInt(us) * 1000n).toString();
}

function unlessZero<K extends string>(key: K, value: number): { [key in K]?: number } {
  return value === 0 ? {} : ({ [key]: value } as { [key in K]: number });
}
