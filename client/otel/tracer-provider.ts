/** Tracers of OpenTelemetry that record with the SDK's. */

import {
  type Context,
  context as contexts,
  INVALID_SPAN_CONTEXT,
  type Span as OtelApiSpan,
  type Tracer as OtelTracer,
  type SpanOptions,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { AttributeInput, Span } from '../api/span.ts';
import type { SpanKind, Tracer } from '../api/tracer.ts';
import type { TraceContext } from '../propagation/w3c.ts';
import { OtelSpan, toTraceContext } from './span.ts';
import { isSuppressed } from './suppressed.ts';
import { toUs } from './time.ts';

/** In the order of OpenTelemetry's `SpanKind`. */
const KINDS: readonly SpanKind[] = ['internal', 'server', 'client', 'producer', 'consumer'];

export class TailraceTracerProvider implements TracerProvider {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /** The name becomes the spans' scope. */
  getTracer(name: string): OtelTracer {
    return new ScopedTracer(this.#tracer, name);
  }
}

class ScopedTracer implements OtelTracer {
  readonly #tracer: Tracer;
  readonly #scope: string;

  constructor(tracer: Tracer, scope: string) {
    this.#tracer = tracer;
    this.#scope = scope;
  }

  startSpan(name: string, options: SpanOptions = {}, context: Context = contexts.active()): OtelApiSpan {
    if (isSuppressed(context)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const startUs = toUs(options.startTime);
    const span = this.#tracer.startSpan(name, {
      kind: KINDS[options.kind ?? 0] ?? 'internal',
      scope: this.#scope,
      parent: options.root ? null : parentIn(context),
      attributes: (options.attributes ?? {}) as AttributeInput,
      ...(startUs === undefined ? {} : { startUs }),
    });
    return OtelSpan.of(span).addLinks(options.links ?? []);
  }

  startActiveSpan<F extends (span: OtelApiSpan) => unknown>(name: string, ...rest: unknown[]): ReturnType<F> {
    const fn = rest.pop() as (span: OtelApiSpan) => ReturnType<F>;
    const [options, context = contexts.active()] = rest as [SpanOptions?, Context?];
    const span = this.startSpan(name, options, context);
    return contexts.with(trace.setSpan(context, span), fn, undefined, span);
  }
}

function parentIn(context: Context): Span | TraceContext | null {
  const span = trace.getSpan(context);
  if (span instanceof OtelSpan) return span.inner;
  return span ? toTraceContext(span.spanContext()) : null;
}
