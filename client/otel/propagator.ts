/** W3C Trace Context for OpenTelemetry's carriers. */

import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent, parseTraceState } from '../propagation/w3c.ts';
import { isSuppressed } from './suppressed.ts';

export class TailracePropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context);
    if (!span || !isSpanContextValid(span) || isSuppressed(context)) return;
    setter.set(carrier, 'traceparent', formatTraceparent({ ...span, flags: span.traceFlags, traceState: '' }));
    const state = span.traceState?.serialize();
    if (state) setter.set(carrier, 'tracestate', state);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const get = (key: string) => [getter.get(carrier, key)].flat().join();
    const parent = parseTraceparent(get('traceparent'));
    if (!parent) return context;
    const { traceId, spanId, flags } = parent;
    const state = parseTraceState(get('tracestate'));
    return trace.setSpanContext(context, {
      traceId,
      spanId,
      traceFlags: flags,
      isRemote: true,
      ...(state ? { traceState: createTraceState(state) } : {}),
    });
  }

  fields(): string[] {
    return ['traceparent', 'tracestate'];
  }
}
