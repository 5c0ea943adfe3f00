/** TraceQL's values: what a literal is, and what an expression is of a span. */

import type { AttributeValue, SpanKind, StatusCode } from '../span.ts';
import { formatGoDuration } from './go-duration.ts';

/** A literal. Durations are nanoseconds. */
export type Literal =
  | { readonly type: 'nil' }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int' | 'float' | 'duration'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'status'; readonly value: StatusCode }
  | { readonly type: 'kind'; readonly value: SpanKind };

/** What an expression is of a span. `other` is there and compares with nothing; of `many`, one for each event or link, any may do. */
export type Value =
  | Literal
  | { readonly type: 'other' }
  | { readonly type: 'many'; readonly values: readonly Literal[] };

export const NIL: Literal = { type: 'nil' };
export const TRUE: Literal = { type: 'bool', value: true };
export const FALSE: Literal = { type: 'bool', value: false };

export type Numeric = Extract<Literal, { type: 'int' | 'float' | 'duration' }>;

export function isNumeric(value: Value): value is Numeric {
  return value.type === 'int' || value.type === 'float' || value.type === 'duration';
}

/** A decoded attribute. Whole doubles count as ints: a decoded span does not tell them apart. */
export function toValue(value: AttributeValue): Literal | { readonly type: 'other' } {
  switch (typeof value) {
    case 'string':
      return { type: 'string', value };
    case 'number':
      return { type: Number.isInteger(value) ? 'int' : 'float', value };
    case 'boolean':
      return value ? TRUE : FALSE;
    case 'object':
      return value === null ? NIL : { type: 'other' };
  }
}

/** As Tempo writes values where they are text: in labels and attributes of an answer; strings between `quote`s. */
export function formatValue(value: Value, quote = ''): string {
  switch (value.type) {
    case 'string':
      return `${quote}${value.value}${quote}`;
    case 'float':
      return formatFloat(value.value);
    case 'duration':
      return formatGoDuration(value.value);
    case 'int':
    case 'bool':
    case 'status':
    case 'kind':
      return String(value.value);
    case 'nil':
    case 'other':
    case 'many':
      return 'nil';
  }
}

function formatFloat(value: number): string {
  const text = String(value);
  return /[.eIN]/.test(text) ? text : `${text}.0`;
}
