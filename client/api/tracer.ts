/** Makes spans and gives the ended ones to the recorder. */

import { isSpanId, isTraceId } from '../../model/ids.ts';
import { FLAG_RANDOM, FLAG_SAMPLED, type TraceContext } from '../propagation/w3c.ts';
import type { SpanSink, TraceIdentity } from '../recorder/recordable.ts';
import { asError, asText } from './anything.ts';
import { activeSpan, setActiveSpan } from './context.ts';
import { hexToWords, randomWord } from './ids.ts';
import { type AttributeInput, Span } from './span.ts';

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

  /**
   * Resolves when there is room for spans. Who records more at once than the ring holds, and must not lose any, awaits it
   * before each; nothing else ever waits.
   */
  ready(): Promise<void> {
    return this.#sink.ready();
  }

  startSpan(name: string, options: SpanOptions = {}): Span {
    const { parent = activeSpan(), kind } = options;
    const isLocal = parent instanceof Span;
    const span = new Span(
      this.#sink,
      isLocal ? parent.trace : traceUnder(parent),
      isLocal ? parent : null,
      asText(name),
      kind ? Math.max(1, KINDS.indexOf(kind)) : 1,
      asText(options.scope ?? 'tailrace'),
      options.startUs ?? this.#sink.nowUs(),
    );
    if (options.attributes) span.setAttributes(options.attributes);
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

/** The trace of a remote parent, or a new one. */
function traceUnder(parent: TraceContext | null): TraceIdentity {
  if (parent && isTraceId(parent.traceId) && isSpanId(parent.spanId)) {
    const { traceId, spanId, flags, traceState = '' } = parent;
    const [id0, id1] = hexToWords(spanId);
    return { words: hexToWords(traceId), flags: flags & 0xff, traceState, id0: id0!, id1: id1! };
  }
  const words = [0, 1, 2, 3].map(randomWord);
  return { words, flags: FLAG_SAMPLED | FLAG_RANDOM, traceState: '', id0: 0, id1: 0 };
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
