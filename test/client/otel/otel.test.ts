import {
  context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { suppressTracing, W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activeSpan, isQuiet } from '../../../client/api/context.ts';
import { SILENCE } from '../../../client/api/silence.ts';
import type { Span } from '../../../client/api/span.ts';
import { Tracer } from '../../../client/api/tracer.ts';
import { gate } from '../../../client/consent/gate.ts';
import { carryContext } from '../../../client/context/index.ts';
import { register } from '../../../client/otel/index.ts';
import type { OtelSpan } from '../../../client/otel/span.ts';
import { logFields } from '../../../client/propagation/log-fields.ts';
import { never } from '../../../client/sampling/always.ts';
import { sampleBy } from '../../../client/sampling/sample-by.ts';

let ended: Span[];
let tracer: Tracer;
let undo: () => void;

beforeEach(() => {
  ended = [];
  tracer = new Tracer({
    ...SILENCE,
    nowUs: () => 1_000_000,
    onEnd: (span) => ended.push(span as Span),
  });
  undo = register({ tracer });
});
afterEach(() => undo());

const otel = () => trace.getTracer('some-instrumentation', '1.2.3');
const remote = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', traceFlags: 1 };

describe('a span of @opentelemetry/api', () => {
  it('is recorded with everything it was given', () => {
    const span = otel().startSpan('GET', {
      kind: SpanKind.CLIENT,
      attributes: { a: 1, list: ['x', 'y'], none: undefined },
      links: [{ context: remote, attributes: { why: 'retry' } }],
      startTime: [1_700_000_000, 500_000_000],
    });
    span.setAttribute('b', true).setAttributes({ c: 'd' }).updateName('GET /x');
    span.addEvent('first', { n: 1 }, new Date(1_700_000_000_600)).addEvent('second', [1_700_000_000, 700_000_000]);
    span.recordException(new TypeError('bad'), new Date(1_700_000_000_800));
    span.recordException({ code: 17, message: 'refused' });
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'no' });
    expect(span.isRecording()).toBe(true);
    span.end(new Date(1_700_000_001_000));
    expect(span.isRecording()).toBe(false);
    expect(ended).toHaveLength(1);
    const inner = ended[0]!;
    expect(inner).toMatchObject({
      name: 'GET /x',
      kind: 3,
      scope: 'some-instrumentation',
      startUs: 1_700_000_000_500_000,
      endUs: 1_700_000_001_000_000,
      statusCode: 2,
      statusMessage: 'no',
    });
    expect(inner.attributes).toEqual(['a', 1, 'list', ['x', 'y'], 'b', true, 'c', 'd']);
    expect(inner.events.map(({ name, timeUs }) => [name, timeUs])).toEqual([
      ['first', 1_700_000_000_600_000],
      ['second', 1_700_000_000_700_000],
      ['exception', 1_700_000_000_800_000],
      ['exception', 1_000_000],
    ]);
    expect(inner.events[2]!.attributes.slice(0, 2)).toEqual(['exception.type', 'TypeError']);
    expect(inner.events[3]!.attributes.slice(0, 2)).toEqual(['exception.type', '17']);
    expect(inner.links).toHaveLength(1);
    expect(span.spanContext()).toMatchObject({ traceId: inner.context.traceId, spanId: inner.context.spanId });
  });

  it('goes by the clock where a time is none', () => {
    const span = otel().startSpan('x', { startTime: new Date('no') });
    span.addEvent('e', {}, [Number.NaN, 0]).end(Number.NaN);
    expect([ended[0]!.startUs, ended[0]!.events[0]!.timeUs, ended[0]!.endUs]).toEqual([1e6, 1e6, 1e6]);
  });

  it('takes whatever is thrown', () => {
    const span = otel().startSpan('x');
    for (const thrown of ['text', null, undefined, 7, { message: 'plain', code: null, name: 'N' }]) {
      span.recordException(thrown as never);
    }
    span.end();
    expect(ended[0]!.events.map(({ attributes }) => attributes)).toEqual([
      ['exception.message', 'text'],
      [],
      [],
      [],
      ['exception.type', 'N', 'exception.message', 'plain'],
    ]);
  });

  it('keeps the status OK, and is never made UNSET again', () => {
    const span = otel().startSpan('x');
    const statusAfter = (code: SpanStatusCode) => (span.setStatus({ code, message: 'm' }) as OtelSpan).inner.statusCode;
    expect(statusAfter(SpanStatusCode.ERROR)).toBe(2);
    expect(statusAfter(SpanStatusCode.UNSET)).toBe(2);
    expect(statusAfter(SpanStatusCode.OK)).toBe(1);
    expect(statusAfter(SpanStatusCode.ERROR)).toBe(1);
    expect(statusAfter(SpanStatusCode.UNSET)).toBe(1);
  });

  it('counts times below the time origin from there, as performance.now() gives them', () => {
    otel().startSpan('load', { startTime: 12.5 }).end(20);
    expect(ended[0]!.startUs).toBeCloseTo((performance.timeOrigin + 12.5) * 1000, 0);
    expect(ended[0]!.endUs! - ended[0]!.startUs).toBeCloseTo(7500, 0);
  });
});

describe('the parent', () => {
  it('goes both ways between the two APIs', () => {
    tracer.withSpan('ours', (ours) => {
      expect(trace.getActiveSpan()!.spanContext().spanId).toBe(ours.context.spanId);
      expect(trace.getActiveSpan()).toBe(trace.getActiveSpan());
      otel().startActiveSpan('theirs', (theirs) => {
        const child = tracer.startSpan('ours again');
        expect(child.context.traceId).toBe(ours.context.traceId);
        expect(child.parent!.context.spanId).toBe(theirs.spanContext().spanId);
        expect(child.parent!.parent).toBe(ours);
      });
    });
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it('is what the given context says: a span, a remote one, none', () => {
    const spanIn = (given = context.active(), options = {}) => {
      const { traceId, spanId } = otel().startSpan('x', options, given).spanContext();
      return { traceId, spanId };
    };
    expect(spanIn(trace.setSpanContext(ROOT_CONTEXT, remote)).traceId).toBe(remote.traceId);
    tracer.withSpan('ours', ({ context: { traceId } }) => {
      expect(spanIn().traceId).toBe(traceId);
      expect(spanIn(ROOT_CONTEXT).traceId).not.toBe(traceId);
      expect(spanIn(context.active(), { root: true }).traceId).not.toBe(traceId);
      expect(context.with(ROOT_CONTEXT, activeSpan)).toBeNull();
    });
  });

  it('is carried with everything else in the context', async () => {
    const key = createContextKey('tenant');
    const end = carryContext();
    try {
      const seen = await new Promise((resolve) => {
        context.with(ROOT_CONTEXT.setValue(key, 'acme'), () =>
          otel().startActiveSpan('work', (span) => {
            setTimeout(() => resolve([context.active().getValue(key), trace.getActiveSpan() === span]), 1);
          }),
        );
      });
      expect(seen).toEqual(['acme', true]);
      const bound = context.bind(ROOT_CONTEXT.setValue(key, 'bound'), () => context.active().getValue(key));
      expect([bound(), context.active().getValue(key)]).toEqual(['bound', undefined]);
    } finally {
      end();
    }
  });
});

describe('the propagator', () => {
  it.each(['', 'vendor=1,other=2'])('writes and reads what the one of OpenTelemetry does, tracestate %j', (state) => {
    const peer = new W3CTraceContextPropagator();
    const carrier: Record<string, string> = {
      traceparent: `00-${remote.traceId}-${remote.spanId}-01`,
      ...(state ? { tracestate: state } : {}),
    };
    const ours = propagation.extract(ROOT_CONTEXT, carrier);
    const theirs = peer.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
    const plain = (of: typeof ours) => {
      const { traceState, ...rest } = trace.getSpanContext(of)!;
      return { ...rest, traceState: traceState?.serialize() };
    };
    expect(plain(ours)).toEqual(plain(theirs));
    const [a, b] = [{}, {}];
    propagation.inject(ours, a);
    peer.inject(theirs, b, defaultTextMapSetter);
    expect(a).toEqual(b);
    expect(a).toEqual(carrier);
  });

  it('writes a span that is over, and one that is not sampled as such', () => {
    const over = otel().startSpan('over');
    over.end();
    const carrier: { traceparent?: string } = {};
    propagation.inject(trace.setSpan(ROOT_CONTEXT, over), carrier);
    expect(carrier.traceparent).toMatch(/-03$/);
    undo();
    undo = register({ tracer: new Tracer({ ...SILENCE, sampling: sampleBy(never) }) });
    const dropped = otel().startSpan('left out');
    propagation.inject(trace.setSpan(ROOT_CONTEXT, dropped), carrier);
    expect(carrier.traceparent).toBe(`00-${dropped.spanContext().traceId}-${dropped.spanContext().spanId}-02`);
  });

  it('writes nothing of what is started without consent', () => {
    undo();
    const sdk = gate({ serviceName: 's', endpoint: 'https://e.test', consent: 'pending' }, () => {
      throw new Error('started');
    });
    undo = register(sdk);
    const carrier = {};
    otel().startActiveSpan('before', (span) => {
      propagation.inject(context.active(), carrier);
      expect([span.isRecording(), logFields(sdk.tracer.current())]).toEqual([false, {}]);
    });
    expect(carrier).toEqual({});
  });

  it('writes the active span, and nothing where there is none or tracing is suppressed', () => {
    const carrier: { traceparent?: string } = {};
    propagation.inject(context.active(), carrier);
    propagation.inject(suppressTracing(trace.setSpanContext(ROOT_CONTEXT, remote)), carrier);
    expect(carrier).toEqual({});
    tracer.withSpan('ours', (span) => {
      propagation.inject(context.active(), carrier);
      expect(carrier.traceparent).toContain(span.context.spanId);
    });
    expect(trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent: 'nonsense' }))).toBeUndefined();
  });
});

describe('what OpenTelemetry does itself', () => {
  it('is not traced', () => {
    const suppressing = suppressTracing(context.active());
    const asked = () => {
      otel().startSpan('export').end();
      // What the SDK would record of their requests.
      tracer.startSpan('POST').end();
      return [context.active() === suppressing, isQuiet()];
    };
    expect([context.with(suppressing, asked), context.bind(suppressing, asked)()]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect([ended, isQuiet(), context.active()]).toEqual([[], false, ROOT_CONTEXT]);
  });

  it('is free again after the end', () => {
    undo();
    otel().startSpan('after').end();
    expect([ended, trace.getActiveSpan()]).toEqual([[], undefined]);
    expect(trace.setGlobalTracerProvider({ getTracer: otel })).toBe(true);
    trace.disable();
  });
});
