import * as v from 'valibot';
import { MAX_COVERED_KEYS } from './bounds.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';
import { WindowCounts } from './window-counts.ts';

const MINUTE_MS = 60_000;

/**
 * Keeps a trace with a service, or an operation, of which fewer than `perMinute` traces were kept in this minute, by
 * whichever rule. A trace of which enough were kept goes on to the next rule, so each one kept here stands for itself. Every
 * shard sees to it alone: at least `perMinute` are kept where there are as many, at most as often as there are shards.
 */
export const coverage = definePolicy(
  optionsOf('coverage', {
    of: v.picklist(['service', 'operation']),
    perMinute: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000)),
  }),
  ({ of, perMinute }) => {
    const counts = new WindowCounts<string | number>(MINUTE_MS, MAX_COVERED_KEYS);
    const keys = new Set<string | number>();
    return {
      ...condition('coverage', (view, nowMs) => {
        counts.advance(nowMs);
        let last: string | number | null = null;
        for (let i = 0; i < view.spanCount; i++) {
          const key = of === 'service' ? view.service(i) : view.operation(i);
          if (key !== last && counts.now(key) < perMinute) return true;
          last = key;
        }
        return false;
      }),
      observe: (view, nowMs, kept) => {
        if (!kept) return;
        counts.advance(nowMs);
        keys.clear();
        for (let i = 0; i < view.spanCount; i++) keys.add(of === 'service' ? view.service(i) : view.operation(i));
        for (const key of keys) counts.add(key);
        keys.clear();
      },
    };
  },
);
