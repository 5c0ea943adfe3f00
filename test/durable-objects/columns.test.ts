import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Deadlines, TICK_MS } from '../../durable-objects/columns/deadlines.ts';
import { TraceColumns } from '../../durable-objects/columns/trace-columns.ts';

const START_MS = 1_790_000_000_000;

it('finds every trace that is there and no other, whatever was added and removed', () => {
  // Ids from few values, in few slots of a small table.
  const word = fc.nat(2);
  const steps = fc.array(fc.record({ id: fc.tuple(word, word, word, word), isRemoved: fc.boolean() }), {
    maxLength: 400,
  });
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const traces = new TraceColumns(seed, 4);
      const model = new Map<string, { id: [number, number, number, number]; trace: number; atMs: number }>();
      for (const [atMs, { id, isRemoved }] of all.entries()) {
        const known = model.get(id.join());
        expect(traces.find(...id)).toBe(known?.trace ?? -1);
        if (known && isRemoved) {
          traces.remove(known.trace);
          model.delete(id.join());
        } else if (!known) model.set(id.join(), { id, trace: traces.add(...id, atMs), atMs });
      }
      expect(traces.count).toBe(model.size);
      for (const { id, trace, atMs } of model.values()) {
        expect([traces.find(...id), traces.has(trace), traces.firstMs[trace]]).toEqual([trace, true, atMs]);
      }
    }),
  );
});

it('takes each deadline once it is due, no more than a tick before, and loses none', () => {
  const step = fc.record({
    trace: fc.oneof(fc.nat(5), fc.nat(2_000)),
    inMs: fc.integer({ min: -1_000, max: 90_000 }),
    waitMs: fc.oneof(fc.nat(300), fc.nat(200_000)),
    max: fc.integer({ min: 1, max: 3 }),
    what: fc.constantFrom('set', 'hasten', 'clear'),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      let nowMs = START_MS;
      const deadlines = new Deadlines(nowMs);
      const model = new Map<number, number>();
      const take = (max: number) => {
        const taken: number[] = [];
        deadlines.takeDue(nowMs, max, taken);
        for (const trace of taken) {
          const atMs = model.get(trace);
          expect(atMs).toBeDefined();
          // To the end of the tick that is running.
          expect(atMs).toBeLessThanOrEqual(nowMs + TICK_MS);
          model.delete(trace);
        }
        return taken.length;
      };
      for (const { trace, inMs, waitMs, max, what } of steps) {
        if (what === 'clear') {
          deadlines.clear(trace);
          model.delete(trace);
        } else if (what === 'set') {
          deadlines.set(trace, nowMs + inMs);
          model.set(trace, nowMs + inMs);
        } else {
          deadlines.hasten(trace, nowMs + inMs);
          // Of what is further ahead than the wheel goes round nothing more is known.
          const atMs = Math.min(model.get(trace) ?? Number.POSITIVE_INFINITY, nowMs + inMs);
          model.set(trace, atMs);
        }
        nowMs += waitMs;
        take(max);
        if (model.size === 0) expect(deadlines.earliestMs()).toBeNull();
        else expect(deadlines.earliestMs()).not.toBeNull();
        while (take(10) > 0);
        const late = [...model.values()].filter((atMs) => atMs <= nowMs);
        expect(late).toEqual([]);
      }
    }),
  );
});
