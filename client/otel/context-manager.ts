/** OpenTelemetry's active context is the SDK's: spans of both have each other as parents. */

import { type Context, type ContextManager, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { activeContext, bindTo, leftPending, runIn, type Scope } from '../api/context.ts';
import { Span } from '../api/span.ts';
import { OtelSpan } from './span.ts';

/** A context of OpenTelemetry that is active. */
class OtelScope implements Scope {
  readonly span: Span | null;
  readonly context: Context;

  constructor(context: Context) {
    const span = trace.getSpan(context);
    this.span = span instanceof OtelSpan ? span.inner : null;
    this.context = context;
  }
}

/** Contexts hold as far as the SDK's active span does: see `tailrace/context` for how to have them carried further. */
export class TailraceContextManager implements ContextManager {
  active(): Context {
    const context = activeContext();
    if (context instanceof OtelScope) return context.context;
    const span = context instanceof Span ? context : context?.span;
    return span ? trace.setSpan(ROOT_CONTEXT, OtelSpan.of(span)) : ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return leftPending(runIn(new OtelScope(context), () => fn.apply(thisArg, args)));
  }

  bind<T>(context: Context, target: T): T {
    if (typeof target !== 'function') return target;
    return bindTo(new OtelScope(context), target as never, leftPending) as T;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}
