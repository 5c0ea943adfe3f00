/** A span as `@opentelemetry/api` describes it, around one of the SDK's. */

import {
  type Attributes,
  type AttributeValue,
  createTraceState,
  type Exception,
  type Link,
  type Span as OtelApiSpan,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
} from '@opentelemetry/api';
import type { AttributeInput, Span, StatusCode } from '../api/span.ts';
import type { TraceContext } from '../propagation/w3c.ts';
import { toUs } from './time.ts';

const STATUS_CODES: Readonly<Record<SpanStatusCode, StatusCode>> = {
  [SpanStatusCode.UNSET]: 'unset',
  [SpanStatusCode.OK]: 'ok',
  [SpanStatusCode.ERROR]: 'error',
};

const known = new WeakMap<Span, OtelSpan>();

export class OtelSpan implements OtelApiSpan {
  readonly inner: Span;

  private constructor(inner: Span) {
    this.inner = inner;
  }

  /** The same one each time. */
  static of(span: Span): OtelSpan {
    let wrapped = known.get(span);
    if (!wrapped) {
      wrapped = new OtelSpan(span);
      known.set(span, wrapped);
    }
    return wrapped;
  }

  spanContext(): SpanContext {
    const { traceId, spanId, flags, traceState } = this.inner.context;
    return { traceId, spanId, traceFlags: flags, ...(traceState ? { traceState: createTraceState(traceState) } : {}) };
  }

  setAttribute(key: string, value: AttributeValue): this {
    this.inner.setAttribute(key, value as never);
    return this;
  }

  setAttributes(attributes: Attributes): this {
    this.inner.setAttributes(attributes as AttributeInput);
    return this;
  }

  addEvent(name: string, second?: Attributes | TimeInput, time?: TimeInput): this {
    const isTime = typeof second === 'number' || second instanceof Date || Array.isArray(second);
    const attributes = isTime ? {} : (second as AttributeInput | undefined);
    this.inner.addEvent(name, attributes, toUs(isTime ? second : time));
    return this;
  }

  addLink({ context, attributes }: Link): this {
    this.inner.addLink(toTraceContext(context), attributes as AttributeInput);
    return this;
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  /** `OK` is final, and nothing is made `UNSET` again (https://opentelemetry.io/docs/specs/otel/trace/api/#set-status). */
  setStatus({ code, message }: SpanStatus): this {
    const isFinal = this.inner.statusCode === SpanStatusCode.OK;
    if (!isFinal && code !== SpanStatusCode.UNSET) this.inner.setStatus(STATUS_CODES[code], message);
    return this;
  }

  updateName(name: string): this {
    this.inner.updateName(name);
    return this;
  }

  end(time?: TimeInput): void {
    this.inner.end(toUs(time));
  }

  isRecording(): boolean {
    return this.inner.isRecording;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    // What is thrown may be nothing at all.
    const { name, message, stack, code } = (
      typeof exception === 'string' ? { message: exception } : (exception ?? {})
    ) as Extract<Exception, { stack?: unknown }>;
    this.inner.addEvent(
      'exception',
      {
        'exception.type': code ? String(code) : name,
        'exception.message': message,
        'exception.stacktrace': stack,
      },
      toUs(time),
    );
  }
}

export function toTraceContext({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  return { traceId, spanId, flags: traceFlags, traceState: traceState?.serialize() ?? '' };
}
