/** How long a kept trace is stored: said when it is decided, because only then is all of it at hand. */

import type { RetentionClass } from '../model/span.ts';
import type { Config } from './config.ts';
import { observeAll, type Policy } from './policies/policy.ts';
import type { TraceView } from './trace-view.ts';

export interface Classifier {
  /** The longest of the classes that a kept trace is in. Attributes are decoded only where a condition asks for them. */
  classify(view: TraceView, nowMs: number): RetentionClass;
  readonly observe: Policy['observe'];
}

/** @param create makes the policies that are the conditions */
export function createClassifier(
  { retention }: Pick<Config, 'retention'>,
  create: (options: Config['retention']['cold']['when'][number]) => Policy,
): Classifier {
  const { sample } = retention.cold;
  const cold = retention.cold.when.map(create);
  const warm = retention.warm.when.map(create);
  return {
    classify: (view, nowMs) => {
      if (cold.some((condition) => condition.judge(view, nowMs) !== null)) return 'cold';
      if (sample > 0 && hashOf(view.traceId) < sample) return 'cold';
      return warm.some((condition) => condition.judge(view, nowMs) !== null) ? 'warm' : 'hot';
    },
    observe: observeAll([...cold, ...warm]),
  };
}

/**
 * A number from 0 to below 1 that every shard has for the same trace: FNV-1a with the finalizer of MurmurHash3. It is of the
 * whole id, of which sampling compares only the last 7 bytes, so kept traces are in the sample as often as any.
 */
function hashOf(traceId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < traceId.length; i++) hash = Math.imul(hash ^ traceId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
