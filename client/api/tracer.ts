/** Makes spans and gives the ended ones to the recorder. */

import { isSpanId, isTraceId } from '../../model/ids.ts';
import { FLAG_RANDOM, FLAG_SAMPLED, type TraceContext } from '../propagation/w3c.ts';
import type { SpanSink, TraceIdentity } from '../recorder/recordable.ts';
import { asError, asText } from './anything.ts';
import { activeSpan, bindTo, isQuiet, runIn, whenOver } from './context.ts';
import { hexToWords, randomWord } from './ids.ts';
import { SILENCE } from './silence.ts';
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
    const sink = isQuiet() ? SILENCE : this.#sink;
    const { sampling } = sink;
    const isLocal = parent instanceof Span;
    const trace = isLocal ? parent.trace : traceUnder(parent, sink.segmentUs());
    const span = new Span(
      sink,
      trace,
      isLocal ? parent : null,
      asText(name),
      kind ? Math.max(1, KINDS.indexOf(kind)) : 1,
      asText(options.scope ?? 'tailrace'),
      options.startUs ?? sink.nowUs(trace.segmentUs),
    );
    if (options.attributes) span.setAttributes(options.attributes);
    if (sampling) sampling.start(span);
    else span.hand();
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
    const fail = (error: unknown) => {
      span.recordException(error).setStatus('error', asError(error).message).end();
    };
    let result: T;
    try {
      result = runIn(span, () => fn(span));
    } catch (error) {
      fail(error);
      throw error;
    }
    return whenOver(result, () => span.end(), fail);
  }

  /** `fn` with `span` active whenever it is called: the span that is active now, unless another is given. */
  bind<A extends unknown[], R>(fn: (...args: A) => R, span: Span | null = activeSpan()): (...args: A) => R {
    return bindTo(span, fn, whenOver);
  }
}

/** The trace of a remote parent, or a new one. */
function traceUnder(parent: TraceContext | null, segmentUs: number): TraceIdentity {
  if (parent && isTraceId(parent.traceId) && isSpanId(parent.spanId)) {
    const { traceId, spanId, flags, traceState = '' } = parent;
    const [id0, id1] = hexToWords(spanId);
    return { words: hexToWords(traceId), flags: flags & 0xff, traceState, segmentUs, id0: id0!, id1: id1! };
  }
  const words = [0, 1, 2, 3].map(randomWord);
  return { words, flags: FLAG_SAMPLED | FLAG_RANDOM, traceState: '', segmentUs, id0: 0, id1: 0 };
}
