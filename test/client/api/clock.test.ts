import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClock } from '../../../client/api/clock.ts';
import { SILENCE } from '../../../client/api/silence.ts';
import { Tracer } from '../../../client/api/tracer.ts';

/** A machine with a wall clock and a performance clock, milliseconds. */
class Machine {
  wallMs = 1_790_000_000_000;
  performanceMs = 1_000;
  readonly clock = createClock(
    () => this.wallMs,
    () => this.performanceMs,
  );
  readonly tracer = new Tracer({
    ...SILENCE,
    ...this.clock,
  });

  run(ms: number, drift = 0): void {
    this.performanceMs += ms;
    this.wallMs += ms + drift;
  }

  begin(parent: Parameters<Tracer['startSpan']>[1] = { parent: null }) {
    return this.tracer.startSpan('work', parent);
  }
}

describe('time', () => {
  it('of traces after a sleep is right, and of one that slept is whole', () => {
    const machine = new Machine();
    const long = machine.begin();
    const early = machine.begin({ parent: long });
    machine.run(10);
    // The performance clock stands still while the machine sleeps for an hour.
    machine.wallMs += 3_600_000;
    const after = machine.begin();
    expect(after.startUs).toBe(machine.wallMs * 1_000);
    machine.run(5);
    after.end();
    early.end();
    const late = machine.begin({ parent: long });
    machine.run(1);
    late.addEvent('done').end();
    long.end();
    expect([long, early, late, after].map(({ startUs, endUs }) => endUs! - startUs)).toEqual([16e3, 15e3, 1e3, 5e3]);
    // Still in its parent.
    expect(late.startUs - long.startUs).toBe(15e3);
    expect(late.events[0]!.timeUs).toBe(late.endUs);
    // A remote parent's trace begins here, too.
    const context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1 };
    expect(machine.begin({ parent: context }).startUs).toBe(machine.wallMs * 1_000);
  });

  it('stays as it is while the clocks agree but for what browsers blur', () => {
    const machine = new Machine();
    const first = machine.begin();
    machine.run(1_000, 49);
    expect(machine.begin().startUs - first.startUs).toBe(1_000_000);
    machine.run(1_000, 2);
    expect(machine.begin().startUs).toBe(machine.wallMs * 1_000);
  });

  it('is never further from the wall clock than allowed where a trace begins, and runs with the performance clock in it', () => {
    const step = fc.record({
      ms: fc.nat({ max: 10_000 }),
      drift: fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -4_000_000, max: 4_000_000 })),
      what: fc.constantFrom('root', 'child', 'end'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = new Machine();
        const open: { span: ReturnType<Machine['begin']>; fromMs: number }[] = [];
        for (const { ms, drift, what } of steps) {
          machine.run(ms, drift);
          const top = open.at(-1);
          if (what === 'root' || !top) {
            const span = machine.begin();
            expect(Math.abs(span.startUs / 1_000 - machine.wallMs)).toBeLessThanOrEqual(50);
            open.push({ span, fromMs: machine.performanceMs });
          } else if (what === 'child') {
            const span = machine.begin({ parent: top.span });
            expect(span.startUs - top.span.startUs).toBe((machine.performanceMs - top.fromMs) * 1_000);
            open.push({ span, fromMs: machine.performanceMs });
          } else {
            const { span, fromMs } = open.splice(machine.performanceMs % open.length, 1)[0]!;
            span.end();
            expect(span.endUs! - span.startUs).toBe((machine.performanceMs - fromMs) * 1_000);
          }
        }
      }),
    );
  });
});
