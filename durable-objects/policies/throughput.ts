import * as v from 'valibot';
import type { TraceView } from '../trace-view.ts';
import { someAttribute } from './attribute-values.ts';
import { MAX_KEY_CHARS } from './bounds.ts';
import { makeShare, type Share, sampleConsistently } from './consistent.ts';
import { KeyAverages } from './key-averages.ts';
import { definePolicy, headProbability, optionsOf, text } from './policy.ts';
import { shareOut } from './share-out.ts';

/** What traces of one kind have in common: of the root its service, or service and name; whether a span failed; an attribute of the root. */
const part = v.union([v.picklist(['service', 'operation', 'error']), v.strictObject({ attribute: text })]);
type Part = v.InferOutput<typeof part>;

/**
 * Keeps about `tracesPerSecond` in the whole deployment, the rarer kinds of trace nearly whole and the frequent ones in ever
 * smaller shares: each kind gets room by the logarithm of how often it comes. What comes is a moving average over intervals of
 * `adjustSeconds`, of which the last weighs `weight`; shares are also adjusted at once when more than `burst` times the usual
 * number has come. The algorithm is Honeycomb's EMAThroughput (https://github.com/honeycombio/dynsampler-go); here the
 * choice is by the trace's own randomness, and kinds beyond `maxKeys` share one room.
 */
export const throughput = definePolicy(
  optionsOf('throughput', {
    tracesPerSecond: v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9)),
    key: v.optional(v.pipe(v.array(part), v.minLength(1), v.maxLength(8)), ['operation']),
    adjustSeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(3_600)), 15),
    weight: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(0.99)), 0.5),
    burst: v.optional(v.pipe(v.number(), v.minValue(1.1), v.maxValue(1_000)), 2),
    /** Share of a kind before anything is known of what comes. */
    initialProbability: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.1),
    maxKeys: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(5_000)), 500),
  }),
  (options, { shards }) => {
    const averages = new KeyAverages<string | number>(options.weight, options.maxKeys);
    const goal = (options.tracesPerSecond * options.adjustSeconds) / shards;
    const initial = makeShare(options.initialProbability, 'throughput');
    const whole = makeShare(1, 'throughput');
    let shares: ReadonlyMap<string | number | null, Share> | null = null;
    let sinceMs = Number.NaN;

    const adjust = (nowMs: number) => {
      sinceMs = nowMs;
      if (!averages.fold()) return;
      shares = new Map(
        [...shareOut(goal, averages.byKey)].map(([key, probability]) => [key, makeShare(probability, 'throughput')]),
      );
    };
    return {
      judge: (view, nowMs) => {
        if (nowMs - sinceMs >= options.adjustSeconds * 1000) adjust(nowMs);
        // The first time, or time went back.
        else if (!(nowMs >= sinceMs)) sinceMs = nowMs;
        // What the head left out was there to be kept too: a share is one of all that began.
        const key = averages.count(keyOf(view, options.key), 1 / headProbability(view));
        // A burst begins a new interval, or the rest of this one would count as little traffic.
        if (shares !== null && averages.counted > options.burst * averages.sum) adjust(nowMs);
        if (shares === null) return sampleConsistently(view, initial);
        return sampleConsistently(view, shares.get(key) ?? (key === null ? initial : whole));
      },
    };
  },
);

function keyOf(view: TraceView, parts: readonly Part[]): string | number {
  if (parts.length === 1 && parts[0] === 'operation') return view.operation(view.root);
  return parts
    .map((part) => partOf(view, part))
    .join('\n')
    .slice(0, MAX_KEY_CHARS);
}

function partOf(view: TraceView, part: Part): string | number {
  if (part === 'service') return view.service(view.root);
  if (part === 'operation') return view.operation(view.root);
  if (part === 'error') return view.errorCount > 0 ? 'error' : '';
  let found = '';
  someAttribute(view, 'root', part.attribute, (value) => {
    found = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return true;
  });
  return found;
}
