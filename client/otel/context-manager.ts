/** OpenTelemetry's active context is the SDK's: spans of both have each other as parents. */

import { type Context, type ContextManager, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { activeContext, leftPending, QUIET, runIn, type Scope } from '../api/context.ts';
import { Span } from '../api/span.ts';
import { OtelSpan } from './span.ts';
import { isSuppressed } from './suppressed.ts';

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

/** The suppressed context that code runs in. */
let suppressed: Context | null = null;

/** What runs in a suppressed context is not traced at all: the SDK's own spans for `fetch` are not wanted there either. */
function enter<R>(context: Context, call: () => R): R {
  if (!isSuppressed(context)) return runIn(new OtelScope(context), call);
  const before = suppressed;
  suppressed = context;
  try {
    return runIn(QUIET, call);
  } finally {
    suppressed = before;
  }
}

/** Contexts hold as far as the SDK's active span does: see `tailrace/context` for how to have them carried further. */
export class TailraceContextManager implements ContextManager {
  active(): Context {
    const context = activeContext();
    if (context === QUIET && suppressed) return suppressed;
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
    return leftPending(enter(context, () => fn.apply(thisArg, args)));
  }

  bind<T>(context: Context, target: T): T {
    if (typeof target !== 'function') return target;
    return function (this: unknown, ...args: unknown[]) {
      return leftPending(enter(context, () => target.apply(this, args)));
    } as T;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}
