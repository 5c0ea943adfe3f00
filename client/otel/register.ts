/** Makes the SDK the one behind `@opentelemetry/api`. */

import { context, propagation, trace } from '@opentelemetry/api';
import type { Tailrace } from '../api/tailrace.ts';
import { TailraceContextManager } from './context-manager.ts';
import { TailracePropagator } from './propagator.ts';
import { TailraceTracerProvider } from './tracer-provider.ts';

/**
 * Sets tracer provider, context manager and propagator. Where others are set already, OpenTelemetry says so on its
 * `diag` logger and keeps those. The result takes away what was set.
 */
export function register({ tracer }: Pick<Tailrace, 'tracer'>): () => void {
  const undo: (() => void)[] = [];
  if (context.setGlobalContextManager(new TailraceContextManager())) undo.push(() => context.disable());
  if (propagation.setGlobalPropagator(new TailracePropagator())) undo.push(() => propagation.disable());
  if (trace.setGlobalTracerProvider(new TailraceTracerProvider(tracer))) undo.push(() => trace.disable());
  return () => {
    for (const step of undo.splice(0)) step();
  };
}
