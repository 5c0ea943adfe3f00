/** Traces of several services as they come from real senders: clocks that are wrong, spans lost, doubled, out of order. */

import fc from 'fast-check';
import type { Span, SpanKind } from '../../model/span.ts';

const TRACE_ID = '1'.repeat(32);
const ROOT_START_US = 1_790_000_000_000_000;
const ROOT_DURATION_US = 400_000;
export const MINUTE_US = 60_000_000;

export function testSpan(spanId: string, parent: string | null, part: Partial<Span> & { clock?: string } = {}): Span {
  const { clock = 'shop', ...rest } = part;
  return {
    traceId: TRACE_ID,
    spanId,
    ...(parent === null ? {} : { parentSpanId: parent }),
    name: spanId,
    kind: 'internal',
    startUs: 0,
    durationUs: 10,
    state: 'ended',
    status: { code: 'unset' },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: { 'service.name': clock } },
    scope: { name: '' },
    ...rest,
  };
}

/** The same span without an end. */
export function opened(span: Span): Span {
  const { durationUs: _, ...rest } = span;
  return { ...rest, state: 'open' };
}

export interface FaultyTrace {
  /** What happened, in the order of the calls, all on the root's clock. */
  readonly real: readonly Span[];
  /** What came of it. */
  readonly received: readonly Span[];
  /** By service: what added to its clock's times gives the root's; the first is the root's. */
  readonly offsets: readonly number[];
}

interface Faults {
  readonly lost?: boolean;
  readonly cyclic?: boolean;
}

const serviceName = (clock: number): string => `service-${clock}`;

const MAX_CLOCKS = 5;
const arbitraryOffset = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -5_000, max: 5_000 }),
  fc.integer({ min: -MINUTE_US, max: MINUTE_US }),
);
const arbitraryFraction = fc.double({ min: 0, max: 1, noNaN: true });
const arbitraryStep = fc.record({
  parent: fc.nat(),
  clock: fc.nat({ max: MAX_CLOCKS - 1 }),
  message: fc.boolean(),
  from: arbitraryFraction,
  length: arbitraryFraction,
  out: arbitraryFraction,
  back: arbitraryFraction,
});

/**
 * Calls nest: each step is work below an earlier one, in its process or, by a client and a server span, in another; messages
 * are consumed any time after they were produced. Then the clocks are set wrong, and the spans go through what loses them.
 */
export function arbitraryTrace({ lost = false, cyclic = false }: Faults = {}): fc.Arbitrary<FaultyTrace> {
  return fc
    .record({
      steps: fc.array(arbitraryStep, { maxLength: 14 }),
      offsets: fc.array(arbitraryOffset, { minLength: MAX_CLOCKS - 1, maxLength: MAX_CLOCKS - 1 }),
      losses: fc.array(fc.nat({ max: lost ? 4 : 0 }), { minLength: 40, maxLength: 40 }),
      copies: fc.array(fc.nat({ max: 39 }), { maxLength: 5 }),
      order: fc.array(fc.nat(), { minLength: 45, maxLength: 45 }),
      cycle: cyclic ? fc.tuple(fc.nat(), fc.nat()) : fc.constant(null),
    })
    .map(({ steps, offsets: others, losses, copies, order, cycle }) => {
      const offsets = [0, ...others];
      const real = realSpans(steps);
      const skewed = real.map((span) => {
        const clock = Number(String(span.resource.attributes['service.name']).split('-')[1]);
        return { ...span, startUs: span.startUs - offsets[clock]! };
      });
      if (cycle !== null) {
        const at = cycle[0] % skewed.length;
        skewed[at] = { ...skewed[at]!, parentSpanId: skewed[cycle[1] % skewed.length]!.spanId };
      }
      const survivors = skewed.filter((_, i) => losses[i] !== 4);
      const doubled = [...survivors, ...copies.filter((i) => i < survivors.length).map((i) => survivors[i]!)];
      const received = doubled
        .map((span, i) => ({ span, key: order[i]! }))
        .sort((a, b) => a.key - b.key)
        .map(({ span }) => span);
      return { real, received, offsets };
    });
}

type Step = typeof arbitraryStep extends fc.Arbitrary<infer T> ? T : never;

function realSpans(steps: readonly Step[]): Span[] {
  const spans: Span[] = [];
  const add = (parent: Span | null, clock: number, kind: SpanKind, startUs: number, endUs: number): Span => {
    const [from, to] = [Math.round(startUs), Math.round(endUs)];
    const span = testSpan(String(spans.length), parent?.spanId ?? null, {
      kind,
      clock: serviceName(clock),
      startUs: from,
      durationUs: to - from,
    });
    spans.push(span);
    return span;
  };
  const workers = [{ span: add(null, 0, 'server', ROOT_START_US, ROOT_START_US + ROOT_DURATION_US), clock: 0 }];
  for (const { parent, clock, message, from, length, out, back } of steps) {
    const caller = workers[parent % workers.length]!;
    const duration = caller.span.durationUs!;
    const start = caller.span.startUs + from * duration;
    const end = start + length * (caller.span.startUs + duration - start);
    if (clock === caller.clock) {
      workers.push({ span: add(caller.span, clock, 'internal', start, end), clock });
      continue;
    }
    const sender = add(caller.span, caller.clock, message ? 'producer' : 'client', start, end);
    const arrival = sender.startUs + out * (message ? ROOT_DURATION_US : sender.durationUs!);
    const left = message ? ROOT_DURATION_US : sender.startUs + sender.durationUs! - arrival;
    workers.push({ span: add(sender, clock, message ? 'consumer' : 'server', arrival, arrival + back * left), clock });
  }
  return spans;
}
