import * as v from 'valibot';
import { Budget } from './budget.ts';
import { definePolicy, headProbability, optionsOf } from './policy.ts';

/** Keeps traces up to so many OTLP bytes a second in the whole deployment; drops the rest. */
export const byteLimit = definePolicy(
  optionsOf('byte_limit', { bytesPerSecond: v.pipe(v.number(), v.minValue(1), v.maxValue(1e12)) }),
  ({ bytesPerSecond }, { shards }) => {
    const budget = new Budget(bytesPerSecond / shards);
    return { judge: (view, nowMs) => budget.spend(view.bytes, 1 / headProbability(view), 'byte_limit', nowMs) };
  },
);
