/** Which clocks a trace was measured by, and how far one may be from another, as calls between them tell. */

import { type Interval, largestOverlap } from './overlap.ts';
import type { Span } from './span.ts';
import { type SpanTree, serviceOf } from './tree.ts';

/** Clocks of browsers and Workers tick in milliseconds, so an order within one tells nothing. */
export const CLOCK_TICK_US = 1_000;

/** A process that measures time. */
export interface Clock {
  readonly service: string;
  /** `service.instance.id`; empty where the resource has none: then all such processes of the service are one. */
  readonly instance: string;
}

/** What calls from one clock's spans to another's tell: adding a value in the range to what `to` reads gives what `from` reads. */
export interface ClockBounds extends Interval {
  /** Indices of clocks; `from` is the smaller. */
  readonly from: number;
  readonly to: number;
  /** Calls that were measured, and how many of them the range is true of. */
  readonly pairs: number;
  readonly agreeing: number;
}

export interface ClockTable {
  readonly clocks: readonly Clock[];
  /** Index of the clock of each row; -1 for synthetic spans, which no clock measured. */
  readonly clockOf: Int32Array;
}

/** The clocks in the order in which the tree's rows first name them. */
export function clocksOf({ spans, synthetic }: SpanTree): ClockTable {
  const clocks: Clock[] = [];
  const known = new Map<string, number>();
  const ofResource = new Map<Span['resource'], number>();
  const clockOf = new Int32Array(spans.length).fill(-1);
  for (let row = 0; row < spans.length; row++) {
    if (synthetic?.[row] === 1) continue;
    const seen = ofResource.get(spans[row]!.resource);
    if (seen !== undefined) {
      clockOf[row] = seen;
      continue;
    }
    const service = serviceOf(spans[row]!);
    const id = spans[row]!.resource.attributes['service.instance.id'];
    const instance = typeof id === 'string' || typeof id === 'number' ? String(id) : '';
    const key = `${service}\0${instance}`;
    let clock = known.get(key);
    if (clock === undefined) {
      clock = clocks.push({ service, instance }) - 1;
      known.set(key, clock);
    }
    ofResource.set(spans[row]!.resource, clock);
    clockOf[row] = clock;
  }
  return { clocks, clockOf };
}

/**
 * The bounds between each two clocks that call each other: what most of their calls agree on, so that one that timed
 * out, or a clock that was set meanwhile, does not spoil the rest.
 */
export function clockBounds(tree: SpanTree, { clocks, clockOf }: ClockTable): ClockBounds[] {
  const measured = new Map<number, Interval[]>();
  for (let row = 0; row < tree.spans.length; row++) {
    const parent = tree.parent[row]!;
    if (parent < 0) continue;
    const caller = clockOf[parent]!;
    const callee = clockOf[row]!;
    if (caller === callee || caller < 0 || callee < 0) continue;
    const range = boundsOfCall(tree.spans[parent]!, tree.spans[row]!);
    if (range === null) continue;
    const key = Math.min(caller, callee) * clocks.length + Math.max(caller, callee);
    const forward = caller < callee ? range : { min: -range.max, max: -range.min };
    const known = measured.get(key);
    if (known === undefined) measured.set(key, [forward]);
    else known.push(forward);
  }
  return [...measured].map(([key, ranges]) => ({
    from: Math.floor(key / clocks.length),
    to: key % clocks.length,
    pairs: ranges.length,
    ...largestOverlap(ranges),
  }));
}

/**
 * A request or message arrives after its sender began. A server that answered did so before its client ended; one that
 * took longer than its client did not, or nobody waited for it. Other children tell nothing: a page's load begins
 * before the server span that it names as its parent.
 */
function boundsOfCall(parent: Span, child: Span): Interval | null {
  if (child.kind !== 'server' && child.kind !== 'consumer') return null;
  const min = parent.startUs - child.startUs - CLOCK_TICK_US;
  const waited =
    parent.kind === 'client' &&
    child.kind === 'server' &&
    parent.durationUs !== undefined &&
    child.durationUs !== undefined &&
    child.durationUs <= parent.durationUs;
  if (!waited) return { min, max: Number.POSITIVE_INFINITY };
  return { min, max: parent.startUs + parent.durationUs! - (child.startUs + child.durationUs!) + CLOCK_TICK_US };
}
