/**
 * Clock skew: how far the clocks of a trace's processes are from that of its root. Spans keep the times they came with;
 * this says what to add to them.
 *
 * A server's span lies within its client's, so each call bounds the offset between two clocks from both sides. Zipkin
 * (`CorrectForClockSkew`) and Jaeger (`adjuster/clockskew.go`) move each call by itself, to the middle of its client.
 * Here all calls between two clocks count together, and a clock has one offset for the whole trace.
 */

import { CLOCK_TICK_US, type Clock, type ClockBounds, clockBounds, clocksOf } from './clock-bounds.ts';
import type { Interval } from './overlap.ts';
import type { SpanTree } from './tree.ts';

export interface ClockOffset extends Clock {
  /** Index of the clock that the offset is from: the root's, or the first of those that no call connects with the root's. */
  readonly reference: number;
  /** Add it to the clock's times to have them on the reference's clock. 0 unless the calls rule that out. */
  readonly offsetUs: number;
  /** Between what the real offset is, as far as the calls agree; infinite where nothing bounds it. */
  readonly minUs: number;
  readonly maxUs: number;
  /** Half the distance of these bounds: how far the estimate may be from the real offset if that is in their middle. */
  readonly uncertaintyUs: number;
  /**
   * 0 to 1: the share of the calls that agree, one of each kind added, multiplied along the way to the reference. The
   * reference has 1, a clock that no call connects with the root's has 0, whatever is known within its own component.
   */
  readonly confidence: number;
}

export interface ClockSkew {
  readonly clocks: readonly ClockOffset[];
  /** Index of the clock of each row; -1 for synthetic spans. */
  readonly clockOf: Int32Array;
}

/**
 * Estimates the offsets in O(n log n). From each reference it goes along the narrowest bounds, so that uncertainty adds
 * up least, and narrows what it finds by the bounds towards all clocks that are known already. The original time stands
 * where that is possible, else the offset of the clock before it on the way, else it is the middle of the bounds. Where
 * clocks call each other in a circle, bounds may be wider than all calls together allow, and a server may still stick out.
 */
export function estimateSkew(tree: SpanTree): ClockSkew {
  const table = clocksOf(tree);
  const count = table.clocks.length;
  const neighbours: ClockBounds[][] = Array.from({ length: count }, () => []);
  const tied: ClockBounds[][] = Array.from({ length: count }, () => []);
  const groups = Int32Array.from({ length: count }, (_, i) => i);
  for (const bounds of clockBounds(tree, table).sort(narrowestFirst)) {
    neighbours[bounds.from]!.push(bounds);
    neighbours[bounds.to]!.push(bounds);
    const [one, other] = [find(groups, bounds.from), find(groups, bounds.to)];
    if (one === other) continue;
    groups[one] = other;
    tied[bounds.from]!.push(bounds);
    tied[bounds.to]!.push(bounds);
  }

  const found: (ClockOffset | undefined)[] = new Array(count);
  for (let reference = 0; reference < count; reference++) {
    if (found[reference] !== undefined) continue;
    const confidence = reference === 0 ? 1 : 0;
    const zero = { reference, offsetUs: 0, minUs: 0, maxUs: 0, uncertaintyUs: 0, confidence };
    found[reference] = { ...table.clocks[reference]!, ...zero };
    const queue = [reference];
    for (let at = 0; at < queue.length; at++) {
      const from = queue[at]!;
      for (const bounds of tied[from]!) {
        const clock = otherEnd(bounds, from);
        if (found[clock] !== undefined) continue;
        const others = neighbours[clock]!.filter((each) => each !== bounds && found[otherEnd(each, clock)]);
        const offset = place(bounds, others, clock, found as readonly ClockOffset[]);
        found[clock] = { ...table.clocks[clock]!, reference, ...offset };
        queue.push(clock);
      }
    }
  }
  return { clocks: found as ClockOffset[], clockOf: table.clockOf };
}

type Placed = Omit<ClockOffset, keyof Clock | 'reference'>;

/** Where `clock` is by the bounds it was reached by, and by those of `others` that do not contradict. */
function place(by: ClockBounds, others: ClockBounds[], clock: number, found: readonly ClockOffset[]): Placed {
  const source = found[otherEnd(by, clock)]!;
  // What the offset may be beside the estimates of its neighbours, and what it may be at all.
  let beside = plus(towards(by, clock), source.offsetUs, source.offsetUs);
  let real = plus(towards(by, clock), source.minUs, source.maxUs);
  for (const bounds of others) {
    const neighbour = found[otherEnd(bounds, clock)]!;
    const range = towards(bounds, clock);
    beside = narrow(beside, plus(range, neighbour.offsetUs, neighbour.offsetUs));
    real = narrow(real, plus(range, neighbour.minUs, neighbour.maxUs));
  }
  return {
    offsetUs: nearest(narrow(real, beside), source.offsetUs),
    minUs: real.min,
    maxUs: real.max,
    uncertaintyUs: (real.max - real.min) / 2,
    confidence: (source.confidence * (by.agreeing + 1)) / (by.pairs + 2),
  };
}

function nearest({ min, max }: Interval, ofCaller: number): number {
  for (const offset of [0, ofCaller]) if (min <= offset && offset <= max) return offset;
  if (max === Number.POSITIVE_INFINITY) return min + CLOCK_TICK_US;
  if (min === Number.NEGATIVE_INFINITY) return max - CLOCK_TICK_US;
  return Math.round((min + max) / 2);
}

/** The bounds as what is added to `clock`, relative to the other one. */
function towards({ to, min, max }: ClockBounds, clock: number): Interval {
  return to === clock ? { min, max } : { min: -max, max: -min };
}

function plus({ min, max }: Interval, least: number, most: number): Interval {
  return { min: min + least, max: max + most };
}

/** What both ranges have in common; the first where that is nothing. */
function narrow(one: Interval, other: Interval): Interval {
  const min = Math.max(one.min, other.min);
  const max = Math.min(one.max, other.max);
  return min <= max ? { min, max } : one;
}

function otherEnd({ from, to }: ClockBounds, clock: number): number {
  return from === clock ? to : from;
}

/** Of equally narrow bounds those that more calls agree on, then those of the clocks that came first. */
function narrowestFirst(a: ClockBounds, b: ClockBounds): number {
  const [widthA, widthB] = [a.max - a.min, b.max - b.min];
  if (widthA !== widthB) return widthA < widthB ? -1 : 1;
  return b.agreeing - a.agreeing || a.from - b.from || a.to - b.to;
}

/** The root of `i` in a forest of groups; halves the path as it goes. */
function find(groups: Int32Array, i: number): number {
  let at = i;
  while (groups[at] !== at) {
    groups[at] = groups[groups[at]!]!;
    at = groups[at]!;
  }
  return at;
}
