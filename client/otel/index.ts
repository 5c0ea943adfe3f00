/**
 * `tailrace/otel`: what is traced through `@opentelemetry/api`, by instrumentation or by hand, is recorded with the
 * page's other spans.
 */

export { TailraceContextManager } from './context-manager.ts';
export { TailracePropagator } from './propagator.ts';
export { register } from './register.ts';
export { TailraceTracerProvider } from './tracer-provider.ts';
