/** What a search asks of traces. What each condition means is in `docs/search.md`; `matches-search.ts` says it in code. */

export const COMPARISONS = ['=', '!=', '>', '>=', '<', '<='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** What a value is compared with. A number is finite and not -0; a bigint is an integer beyond 2^53 that fits 64 bits. */
export type SearchValue = string | number | bigint | boolean;

/** What a value must be. */
export type ValueTest =
  | { readonly operator: Comparison; readonly value: SearchValue }
  /** Equal to one of them, whose types may differ: what asks without types means them all. A line has no such test. */
  | { readonly operator: 'in'; readonly values: readonly SearchValue[] }
  | { readonly operator: 'exists' };

/** Whose attribute: `any` span's or its resource's; any span's own; any span's resource's; the root span's or its resource's. */
export const PLACES = ['any', 'span', 'resource', 'root'] as const;
export type Place = (typeof PLACES)[number];

export interface AttributeCondition {
  readonly on: Place;
  /** Not empty. */
  readonly key: string;
  readonly test: ValueTest;
}

/** What a query line says; every condition that is present must hold. Names are compared by their first `MAX_NAME_CHARS`. */
export interface TraceConditions {
  /** A service any span of the trace belongs to. */
  readonly service?: string;
  /** A span name; together with `service` both must be of the same span. */
  readonly operation?: string;
  readonly rootService?: string;
  readonly rootOperation?: string;
  /** Inclusive bounds of the trace's duration: integers, the lower one not above the upper one. */
  readonly minDurationUs?: number;
  readonly maxDurationUs?: number;
  readonly status?: 'ok' | 'error';
  readonly attributes: readonly AttributeCondition[];
}

export const SEARCH_ORDERS = ['newest', 'slowest'] as const;
/** What comes first; ties by start, then by trace id, both descending. */
export type SearchOrder = (typeof SEARCH_ORDERS)[number];

export interface TraceSearch extends TraceConditions {
  /** Inclusive bounds of the trace's start, at most `MAX_SEARCH_RANGE_US` apart (`search-range.ts`). */
  readonly startUs: number;
  readonly endUs: number;
  readonly order: SearchOrder;
  /** 1 to `MAX_SEARCH_LIMIT`. */
  readonly limit: number;
}
