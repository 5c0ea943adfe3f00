/** What a TraceQL query says. */

import type { Literal } from './value.ts';

export const SCOPES = ['none', 'resource', 'span', 'event', 'link', 'instrumentation'] as const;
/** Whose attribute: `none` is a span's own or, where it has none, its resource's. */
export type Scope = (typeof SCOPES)[number];

export interface Attribute {
  readonly kind: 'attribute';
  readonly scope: Scope;
  /** Of the parent span, which Tempo does not support either. */
  readonly ofParent: boolean;
  readonly name: string;
}

/** What every span has, with the type it always has. */
export const INTRINSICS = {
  duration: 'duration',
  childCount: 'int',
  name: 'string',
  status: 'status',
  statusMessage: 'string',
  kind: 'kind',
  parent: 'nil',
  rootName: 'string',
  rootServiceName: 'string',
  traceDuration: 'duration',
  nestedSetLeft: 'int',
  nestedSetRight: 'int',
  nestedSetParent: 'int',
  'trace:id': 'string',
  'span:id': 'string',
  'span:parentID': 'string',
  'event:name': 'string',
  'event:timeSinceStart': 'duration',
  'link:traceID': 'string',
  'link:spanID': 'string',
  'instrumentation:name': 'string',
  'instrumentation:version': 'string',
} as const satisfies Readonly<Record<string, Literal['type']>>;
export type IntrinsicName = keyof typeof INTRINSICS;

export interface Intrinsic {
  readonly kind: 'intrinsic';
  readonly name: IntrinsicName;
}

export type Field = Attribute | Intrinsic;

export const ARITHMETIC = ['+', '-', '*', '/', '%', '^'] as const;
export const ORDERS = ['=', '!=', '>', '>=', '<', '<='] as const;
export const REGEX = ['=~', '!~'] as const;
export const LOGIC = ['&&', '||'] as const;
export type Arithmetic = (typeof ARITHMETIC)[number];
export type Order = (typeof ORDERS)[number];
export type BinaryOperator = Arithmetic | Order | (typeof REGEX)[number] | (typeof LOGIC)[number];

export type Expression =
  | { readonly kind: 'literal'; readonly literal: Literal }
  | Field
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'unary'; readonly operator: '-' | '!'; readonly operand: Expression };

/** Between spansets. `>>` is descendant, `>` child, `~` sibling; with `!` those on the right that are not; with `&` both sides. */
export const SPANSET_OPERATORS = [
  ...['&&', '||', '>', '<', '>>', '<<', '~', '!>', '!<', '!>>', '!<<', '!~'],
  ...['&>', '&<', '&>>', '&<<', '&~'],
] as const;
export type SpansetOperator = '&&' | '||' | `${'' | '!' | '&'}${'>' | '<' | '>>' | '<<' | '~'}`;

export const AGGREGATES = ['count', 'avg', 'max', 'min', 'sum'] as const;

export interface Aggregate {
  readonly kind: 'aggregate';
  readonly name: (typeof AGGREGATES)[number];
  /** Of everything but `count`. */
  readonly of: Expression | null;
}

export type Stage =
  | { readonly kind: 'filter'; readonly expression: Expression }
  | { readonly kind: 'operation'; readonly operator: SpansetOperator; readonly left: Stage; readonly right: Stage }
  /** A pipeline in parentheses. */
  | { readonly kind: 'pipeline'; readonly stages: readonly Stage[] }
  | {
      readonly kind: 'scalar';
      readonly left: Aggregate;
      readonly operator: Order;
      readonly right: Aggregate | Extract<Expression, { kind: 'literal' }>;
    }
  | { readonly kind: 'group'; readonly by: Expression }
  | { readonly kind: 'select'; readonly fields: readonly Field[] }
  | { readonly kind: 'coalesce' };

export const METRICS = [
  'rate',
  'count_over_time',
  'min_over_time',
  'max_over_time',
  'avg_over_time',
  'sum_over_time',
  'quantile_over_time',
  'histogram_over_time',
] as const;
export type MetricName = (typeof METRICS)[number];

export const SERIES_LIMITS = ['topk', 'bottomk'] as const;

export interface Metric {
  readonly name: MetricName;
  /** What is measured; null for `rate` and `count_over_time`. */
  readonly of: Field | null;
  /** Of `quantile_over_time`. */
  readonly quantiles: readonly number[];
  readonly by: readonly Field[];
  /** How many series there may be at each time, those with the most or the least; one after the other. */
  readonly limits: readonly { readonly name: (typeof SERIES_LIMITS)[number]; readonly count: number }[];
}

export interface Query {
  /** At least one. */
  readonly stages: readonly Stage[];
  readonly metric: Metric | null;
  /** `with(…)`: what Tempo is to do differently; nothing here heeds it. */
  readonly hints: readonly (readonly [name: string, literal: Literal])[];
}
