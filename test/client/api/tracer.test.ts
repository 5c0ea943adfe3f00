import { beforeEach, describe, expect, it } from 'vitest';
import type { Span } from '../../../client/api/span.ts';
import { Tracer } from '../../../client/api/tracer.ts';
import type { OpenRecordable } from '../../../client/recorder/recordable.ts';

let nowUs: number;
let ended: Span[];
let ignored: number;
let tracer: Tracer;

beforeEach(() => {
  nowUs = 1_000_000;
  ended = [];
  ignored = 0;
  tracer = new Tracer({
    segmentUs: () => 0,
    nowUs: () => nowUs,
    sampling: null,
    onStart() {},
    ready: async () => {},
    onDrop() {},
    onEnd: (span: OpenRecordable) => ended.push(span as Span),
    onIgnored: () => ignored++,
  });
});

describe('a span', () => {
  it('ends once, and counts what comes after', () => {
    const span = tracer.startSpan('work', { kind: 'client', attributes: { a: 1 } });
    nowUs += 5000;
    span.setAttribute('a', 2).setAttribute('b', ['x', 'y']).updateName('better').setStatus('error', 'no').end();
    span.setAttribute('c', 1).updateName('late').addEvent('late').setStatus('ok').end();
    expect(ended).toEqual([span]);
    expect(span).toMatchObject({
      name: 'better',
      kind: 3,
      startUs: 1_000_000,
      endUs: 1_005_000,
      statusCode: 2,
      statusMessage: 'no',
      attributes: ['a', 2, 'b', ['x', 'y']],
      events: [],
    });
    expect(ignored).toBe(5);
  });

  it('holds a bounded number of attributes, events and links, and counts the rest', () => {
    const span = tracer.startSpan('work');
    const context = tracer.startSpan('other').context;
    for (let i = 0; i < 130; i++) span.setAttribute(`k${i}`, i).addEvent('e').addLink(context);
    expect([span.attributes.length / 2, span.events.length, span.links.length]).toEqual([128, 128, 128]);
    expect([span.droppedAttributes, span.droppedEvents, span.droppedLinks]).toEqual([2, 2, 2]);
  });

  it('has events at times that a batch can carry', () => {
    const span = tracer.startSpan('work');
    const times = [1_500_000.4, Number.NaN, Number.POSITIVE_INFINITY, -5, '7' as never];
    for (const time of times) span.addEvent('e', {}, time);
    expect(span.events.map(({ timeUs }) => timeUs)).toEqual([1_500_000, 0, 0, 0, 7]);
  });

  it('never ends before it started', () => {
    const span = tracer.startSpan('work');
    span.end(5);
    expect(span.endUs).toBe(span.startUs);
  });

  it('records an exception as OpenTelemetry describes it', () => {
    const span = tracer.startSpan('work').recordException(new TypeError('bad')).recordException('text');
    expect(span.events.map((event) => event.attributes)).toEqual([
      [
        ...['exception.type', 'TypeError', 'exception.message', 'bad'],
        ...['exception.stacktrace', expect.stringContaining('TypeError: bad')],
      ],
      ['exception.type', 'Error', 'exception.message', 'text'],
    ]);
    expect(span.statusCode).toBe(0);
  });

  it('ends with the last of its children when asked to', () => {
    const parent = tracer.startSpan('click', { parent: null });
    const children = [1, 2].map((n) => tracer.startSpan(`fetch ${n}`, { parent }));
    parent.endWhenIdle();
    children[0]!.end();
    expect(parent.isRecording).toBe(true);
    children[1]!.end();
    expect(parent.isRecording).toBe(false);
    const childless = tracer.startSpan('click');
    childless.endWhenIdle();
    expect(childless.isRecording).toBe(false);
  });
});

describe('the parent', () => {
  it('is the active span, the one given, a remote one, or none', () => {
    tracer.withSpan('outer', (outer) => {
      expect(tracer.current()).toBe(outer);
      expect(tracer.startSpan('child').parent).toBe(outer);
      const root = tracer.startSpan('root', { parent: null });
      expect(root.parent).toBeNull();
      expect(root.context.traceId).not.toBe(outer.context.traceId);
      expect(tracer.startSpan('grandchild', { parent: root }).context.traceId).toBe(root.context.traceId);
    });
    const remote = {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      flags: 1,
      traceState: 'a=b',
    };
    const continued = tracer.startSpan('continued', { parent: remote });
    expect(continued.context).toMatchObject({ traceId: remote.traceId, flags: 1, traceState: 'a=b' });
    expect([continued.trace.id0 >>> 0, continued.trace.id1 >>> 0]).toEqual([0x00f067aa, 0x0ba902b7]);
    const refused = tracer.startSpan('own', { parent: { ...remote, traceId: 'nonsense' } });
    expect(refused.context.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect([refused.trace.id0, refused.trace.id1]).toEqual([0, 0]);
    expect(tracer.current()).toBeNull();
  });

  it('has ids that are never zero and never the same', () => {
    const ids = new Set(Array.from({ length: 3000 }, () => tracer.startSpan('x', { parent: null }).context.traceId));
    expect(ids.size).toBe(3000);
  });
});

describe('withSpan', () => {
  it('gives back what the function returns, and ends the span', () => {
    expect(tracer.withSpan('add', { kind: 'producer' }, () => 3)).toBe(3);
    expect(ended[0]).toMatchObject({ name: 'add', kind: 4, endUs: 1_000_000 });
  });

  it('ends when a promise settles, and is current only until the first await', async () => {
    const result = tracer.withSpan('async', async (span) => {
      expect(tracer.current()).toBe(span);
      await null;
      expect(tracer.current()).toBeNull();
      return 'done';
    });
    expect(ended).toEqual([]);
    expect(await result).toBe('done');
    expect(ended).toHaveLength(1);
  });

  it('records what is thrown, now or later, and throws it on', async () => {
    const error = new RangeError('too far');
    const throwNow = () => {
      throw error;
    };
    expect(() => tracer.withSpan('now', throwNow)).toThrow(error);
    await expect(tracer.withSpan('later', async () => throwNow())).rejects.toBe(error);
    expect(tracer.current()).toBeNull();
    for (const span of ended) {
      expect(span).toMatchObject({ statusCode: 2, statusMessage: 'too far', events: [{ name: 'exception' }] });
    }
    expect(ended.map((span) => span.name)).toEqual(['now', 'later']);
  });
});
