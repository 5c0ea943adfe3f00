/** What the edge does to spans before they are stored, apart from refusing them. */

import type { RemovalReason } from '../reasons.ts';
import type { KnownKeys } from './key-actions.ts';

/** How much of what a span may have. What is beyond is left out, and stands in the span's dropped counts. */
export interface SpanLimits {
  /** Of a span, and of a resource and a scope each. */
  readonly attributes: number;
  readonly events: number;
  readonly links: number;
  readonly eventAttributes: number;
  readonly linkAttributes: number;
  /** Of a text or of bytes, wherever in an attribute's value; what is longer is cut, between two characters. */
  readonly valueBytes: number;
}

export interface SpanRules {
  readonly limits: SpanLimits;
  readonly keys: KnownKeys;
  /** What stands in for a value whose key is to be hashed. */
  readonly hash: (value: Uint8Array) => string;
  /** Told of what was left out, attribute by attribute. */
  readonly removed: (reason: RemovalReason) => void;
}

/** Stands in for what is masked, as OpenTelemetry's conventions for `url.full` have it. */
export const REDACTED = 'REDACTED';
/** Attribute of a span that ends before it starts. */
export const TIME_ERROR = 'tailrace.time_error';
export const END_BEFORE_START = 'end_before_start';
