import * as v from 'valibot';
import { condition, definePolicy, optionsOf } from './policy.ts';

/** Keeps every trace that lasted `minMs` or longer, from its first span's start to its last one's end. */
export const latency = definePolicy(optionsOf('latency', { minMs: v.pipe(v.number(), v.minValue(0)) }), ({ minMs }) => {
  const minUs = minMs * 1000;
  return condition('slow', (view) => view.durationUs >= minUs);
});
