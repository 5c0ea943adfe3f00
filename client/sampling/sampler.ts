/**
 * What a sampler is asked, and what it answers. It is asked when a span starts, and again whenever the span changes, as long
 * as it wants to: so a span whose name or fate is known only later is decided then, and need not be started late.
 */

import type { SpanDataValue } from '../../model/span-data.ts';
import type { TraceIdentity } from '../recorder/recordable.ts';

/**
 * - `drop`: the span is not recorded any further, and none of its children that start from now on.
 * - `record`: it is recorded and sent as not sampled, so that the edge may keep it all the same.
 * - `record_and_sample`: it is recorded and sampled, and so are requests that it makes.
 */
export type SamplingDecision = 'drop' | 'record' | 'record_and_sample';

export interface SamplingResult {
  readonly decision: SamplingDecision;
  /** Whether to ask again. After a `drop` nobody is asked. */
  readonly shouldRetry: boolean;
  /** The tracestate from here on; it stays as it is by default. What is not sampled has no `th` in it. */
  readonly traceState?: string;
}

/** What a sampler sees of a span. It must not change it. */
export interface SampledSpan {
  readonly name: string;
  /** As in OTLP: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startUs: number;
  /** null while the span is open. */
  readonly endUs: number | null;
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  /** Its trace, as far as it is known in this page. */
  readonly trace: TraceIdentity;
  /** null where it is not of this page. */
  readonly parent: SampledSpan | null;
  /** It has no parent, here or elsewhere. */
  readonly isRoot: boolean;
  /** The attribute's value as it stands. */
  attribute(key: string): SpanDataValue | undefined;
  /** Who decides about it; null when it is decided. */
  readonly sampling: Sampling | null;
  readonly isDropped: boolean;
}

type Answer = SamplingResult | undefined;

/** Where it answers undefined, throws, or has no such hook, its last answer stands. */
export interface Sampler {
  /** It drops nothing: what it does not sample is sent too, so nobody has to weigh what it samples. */
  readonly keepsUnsampled?: boolean;
  onStart(span: SampledSpan): Answer;
  onUpdateName?(span: SampledSpan, name: string): Answer;
  onSetAttribute?(span: SampledSpan, key: string, value: SpanDataValue): Answer;
  onAddEvent?(span: SampledSpan, name: string): Answer;
  onSetStatus?(span: SampledSpan, statusCode: number): Answer;
  /** Asked last. */
  onEnd?(span: SampledSpan): Answer;
}

export type Hook = Exclude<keyof Sampler, 'keepsUnsampled'>;

/** The span, as what is decided changes it. */
export interface UndecidedSpan extends SampledSpan {
  trace: TraceIdentity;
  sampling: Sampling | null;
  /** The recorder may send it from now on. To be called once. */
  hand(): void;
  /** Nothing is recorded of it any more. */
  drop(): void;
}

/** Decides about spans: what a sampler is made into by `sampleBy`. Nothing here throws. */
export interface Sampling {
  readonly keepsUnsampled: boolean;
  /** To be called when a span has all that it starts with, which then is dropped, handed over, or left undecided. */
  start(span: UndecidedSpan): void;
  /** To be called when an undecided span has changed. */
  ask(span: UndecidedSpan, hook: Hook, first?: unknown, second?: unknown): void;
}

export const DROP: SamplingResult = { decision: 'drop', shouldRetry: false };
export const RECORD: SamplingResult = { decision: 'record', shouldRetry: false };
export const RECORD_FOR_NOW: SamplingResult = { decision: 'record', shouldRetry: true };
export const SAMPLE: SamplingResult = { decision: 'record_and_sample', shouldRetry: false };
