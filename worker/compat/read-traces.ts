/** Whole traces, many in one answer: searches of Jaeger and Zipkin answer spans, not summaries. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { MAX_ANSWER_BYTES } from '../../model/limits.ts';
import type { Store } from '../../store/store.ts';
import { type FoundTrace, findTrace } from '../query/traces.ts';

export interface ReadTrace extends FoundTrace {
  readonly traceId: string;
}

/** Each takes a call to a shard and some of D1 and R2. */
const AT_ONCE = 6;

/**
 * Each trace, in the order of their ids; those that are not there are left out, and from the one on with which the
 * answer would have more than `MAX_ANSWER_BYTES`, the first excepted, all that follow.
 */
export async function readTraces(
  env: Env,
  config: CurrentConfig,
  store: Store,
  traceIds: readonly string[],
): Promise<ReadTrace[]> {
  const traces: ReadTrace[] = [];
  let bytes = 0;
  for (let i = 0; i < traceIds.length; i += AT_ONCE) {
    const ids = traceIds.slice(i, i + AT_ONCE);
    for (const [at, found] of (await Promise.all(ids.map((id) => findTrace(env, config, store, id)))).entries()) {
      if (!found) continue;
      bytes += found.otlp.length;
      if (bytes > MAX_ANSWER_BYTES && traces.length > 0) return traces;
      traces.push({ traceId: ids[at]!, ...found });
    }
  }
  return traces;
}
