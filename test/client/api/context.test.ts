import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activeSpan, isQuiet, leftPending, QUIET, runIn, setEventSpan } from '../../../client/api/context.ts';
import { SILENCE } from '../../../client/api/silence.ts';
import type { Span } from '../../../client/api/span.ts';
import { Tracer } from '../../../client/api/tracer.ts';

let tracer: Tracer;
let click: Span;
beforeEach(() => {
  tracer = new Tracer(SILENCE);
  click = tracer.startSpan('click');
});
afterEach(() => setEventSpan(null));

describe('bind', () => {
  it('runs in the span of then, with this and arguments, and gives back what it is given', async () => {
    const bound = tracer.withSpan('a', (a) =>
      tracer.bind(function (this: unknown, ...args: number[]) {
        return [this, args, activeSpan() === a];
      }),
    );
    expect(bound.call('me', 1, 2)).toEqual(['me', [1, 2], true]);
    expect(activeSpan()).toBeNull();
    const failing = tracer.bind(() => Promise.reject(new Error('no')));
    await expect(failing()).rejects.toThrow('no');
    expect(() =>
      tracer.bind(() => {
        throw new Error('now');
      })(),
    ).toThrow('now');
    expect(activeSpan()).toBeNull();
  });

  it('runs in the span it is given, and with null in none', () => {
    expect(tracer.bind(activeSpan, click)()).toBe(click);
    tracer.withSpan('a', () => expect(tracer.bind(activeSpan, null)()).toBeNull());
  });
});

describe("an event's span", () => {
  it('is for code about which nothing was said', () => {
    setEventSpan(click);
    expect(activeSpan()).toBe(click);
    expect(runIn(null, activeSpan)).toBeNull();
    tracer.withSpan('a', (a) => expect(activeSpan()).toBe(a));
  });

  it('is for nobody while promises are pending, and nobody any more when one was left pending', async () => {
    setEventSpan(click);
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = [tracer.withSpan('a', () => promise), tracer.bind(() => promise)()];
    expect(activeSpan()).toBeNull();
    resolve();
    await Promise.all(done);
    expect(activeSpan()).toBe(click);
    const left = Promise.resolve();
    expect(leftPending(1)).toBe(1);
    expect(activeSpan()).toBe(click);
    expect(leftPending(left)).toBe(left);
    expect(activeSpan()).toBeNull();
  });
});

it('knows what the SDK does itself', () => {
  expect([isQuiet(), runIn(QUIET, isQuiet), runIn(QUIET, activeSpan)]).toEqual([false, true, null]);
});
