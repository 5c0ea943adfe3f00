/** Makes spans and gives the ended ones to the recorder. */

import { isSpanId, isTraceId } from '../../model/ids.ts';
import { FLAG_RANDOM, FLAG_SAMPLED, type TraceContext } from '../propagation/w3c.ts';
import type { SpanSink } from '../recorder/recordable.ts';
import { asError, asText } from './anything.ts';
import { activeSpan, setActiveSpan } from './context.ts';
import { hexToWord, randomWord } from './ids.ts';
import { type AttributeInput, Span, type SpanPlace } from './span.ts';

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';
const KINDS: readonly (SpanKind | undefined)[] = [undefined, 'internal', 'server', 'client', 'producer', 'consumer'];

export interface SpanOptions {
  /** `internal` by default. */
  readonly kind?: SpanKind;
  readonly attributes?: AttributeInput;
  /** The parent: a span of this page, the context of a remote one, or null for a new trace. The active span by default. */
  readonly parent?: Span | TraceContext | null;
  /** Microseconds since the Unix epoch; now by default. */
  readonly startUs?: number;
  /** Name of the instrumentation that makes the span. */
  readonly scope?: string;
}

export class Tracer {
  readonly #sink: SpanSink;

  constructor(sink: SpanSink) {
    this.#sink = sink;
  }

  /** The active span, or null. */
  current(): Span | null {
    return activeSpan();
  }

  startSpan(name: string, options: SpanOptions = {}): Span {
    const { parent = activeSpan(), kind } = options;
    const place = placeUnder(parent, this.#sink);
    const span = new Span(
      this.#sink,
      place,
      asText(name),
      Math.max(1, KINDS.indexOf(kind)),
      options.scope ?? 'tailrace',
      options.startUs ?? this.#sink.nowUs(place.trace.segmentUs),
    );
    if (options.attributes) span.setAttributes(options.attributes);
    this.#sink.sampling?.start(span);
    return span;
  }

  /**
   * Runs `fn` with a new span active, and ends it when `fn` returns or its promise settles. An error that comes out of
   * `fn` is recorded, sets the status, and goes on to the caller.
   */
  withSpan<T>(name: string, fn: (span: Span) => T): T;
  withSpan<T>(name: string, options: SpanOptions, fn: (span: Span) => T): T;
  withSpan<T>(name: string, second: SpanOptions | ((span: Span) => T), third?: (span: Span) => T): T {
    const fn = third ?? (second as (span: Span) => T);
    const span = this.startSpan(name, third ? (second as SpanOptions) : {});
    const fail = (error: unknown): never => {
      span.recordException(error).setStatus('error', asError(error).message).end();
      throw error;
    };
    let result: T;
    const previous = setActiveSpan(span);
    try {
      result = fn(span);
    } catch (error) {
      return fail(error);
    } finally {
      setActiveSpan(previous);
    }
    if (!isThenable(result)) {
      span.end();
      return result;
    }
    return result.then((value) => {
      span.end();
      return value;
    }, fail) as T;
  }
}

function placeUnder(parent: Span | TraceContext | null, sink: SpanSink): SpanPlace {
  if (parent instanceof Span) return { trace: parent.place.trace, parent0: parent.id0, parent1: parent.id1, parent };
  if (parent && isTraceId(parent.traceId) && isSpanId(parent.spanId)) {
    const { traceId, spanId, flags, traceState = '' } = parent;
    const words = [0, 1, 2, 3].map((i) => hexToWord(traceId, i));
    const trace = { words, flags: flags & 0xff, traceState, segmentUs: sink.segmentUs() };
    return { trace, parent0: hexToWord(spanId, 0), parent1: hexToWord(spanId, 1), parent: null };
  }
  const words = [0, 1, 2, 3].map(randomWord);
  const trace = { words, flags: FLAG_SAMPLED | FLAG_RANDOM, traceState: '', segmentUs: sink.segmentUs() };
  return { trace, parent0: 0, parent1: 0, parent: null };
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
