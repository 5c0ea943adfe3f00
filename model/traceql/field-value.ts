/** What an attribute or an intrinsic is of a span. */

import type { Attributes, AttributeValue, Span } from '../span.ts';
import type { Attribute, Field, IntrinsicName } from './ast.ts';
import type { TraceView } from './trace-view.ts';
import { type Literal, NIL, toValue, type Value } from './value.ts';

/** The field of the span in a row of the trace's tree. */
export function fieldValue(field: Field, trace: TraceView, row: number): Value {
  const span = trace.tree.spans[row]!;
  return field.kind === 'attribute' ? attributeOf(field, span) : intrinsicOf(field.name, trace, row, span);
}

function attributeOf({ scope, name }: Attribute, span: Span): Value {
  switch (scope) {
    case 'none':
      return ownValue(span.attributes, name) ?? ownValue(span.resource.attributes, name) ?? NIL;
    case 'span':
      return ownValue(span.attributes, name) ?? NIL;
    case 'resource':
      return ownValue(span.resource.attributes, name) ?? NIL;
    case 'event':
      return valuesOf(span.events.map(({ attributes }) => attributes[name]));
    case 'link':
      return valuesOf(span.links.map(({ attributes }) => attributes[name]));
    case 'instrumentation':
      return NIL;
  }
}

function ownValue(attributes: Attributes, name: string): Value | null {
  return Object.hasOwn(attributes, name) ? toValue(attributes[name]!) : null;
}

/** One for each event or link that has it. */
function valuesOf(values: readonly (AttributeValue | undefined)[]): Value {
  const known = values.flatMap((value) => {
    const literal = value === undefined ? NIL : toValue(value);
    return literal.type === 'nil' || literal.type === 'other' ? [] : [literal];
  });
  return many(known);
}

function many(values: readonly Literal[]): Value {
  return values.length === 0 ? NIL : { type: 'many', values };
}

function intrinsicOf(name: IntrinsicName, trace: TraceView, row: number, span: Span): Value {
  const { tree } = trace;
  switch (name) {
    case 'duration':
      return duration(span.durationUs ?? 0);
    case 'childCount':
      return int(trace.children[row]!);
    case 'name':
      return text(span.name);
    case 'status':
      return { type: 'status', value: span.status.code };
    case 'statusMessage':
      return text(span.status.message ?? '');
    case 'kind':
      return { type: 'kind', value: span.kind };
    case 'parent':
      return NIL;
    case 'rootName':
      return trace.root === null ? NIL : text(trace.root.name);
    case 'rootServiceName':
      return trace.root === null ? NIL : text(trace.root.service);
    case 'traceDuration':
      return duration(trace.durationUs);
    case 'nestedSetLeft':
      return int(leftOf(trace, row));
    case 'nestedSetRight':
      return int(leftOf(trace, row) + 2 * (tree.end[row]! - row) - 1);
    case 'nestedSetParent':
      return int(tree.parent[row]! < 0 ? -1 : leftOf(trace, tree.parent[row]!));
    case 'trace:id':
      return text(trace.traceId);
    case 'span:id':
      return text(span.spanId);
    case 'span:parentID':
      return span.parentSpanId === undefined ? NIL : text(span.parentSpanId);
    case 'event:name':
      return many(span.events.map((event) => text(event.name)));
    case 'event:timeSinceStart':
      return many(span.events.map((event) => duration(event.timeUs - span.startUs)));
    case 'link:traceID':
      return many(span.links.map((link) => text(link.traceId)));
    case 'link:spanID':
      return many(span.links.map((link) => text(link.spanId)));
    case 'instrumentation:name':
      return text(span.scope.name);
    case 'instrumentation:version':
      return text(span.scope.version ?? '');
  }
}

/** Numbers spans as they are entered and left, from 1 (https://en.wikipedia.org/wiki/Nested_set_model). */
function leftOf({ tree }: TraceView, row: number): number {
  return 2 * row - tree.depth[row]! + 1;
}

function text(value: string): Literal {
  return { type: 'string', value };
}

function int(value: number): Literal {
  return { type: 'int', value };
}

function duration(us: number): Literal {
  return { type: 'duration', value: us * 1000 };
}
