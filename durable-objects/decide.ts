/** The tail's verdict on a trace: the first rule that has one. A pure function of the trace, the rules and the time. */

import type { Decision } from '../model/span.ts';
import type { Config } from './config.ts';
import { error } from './policies/error.ts';
import type { Policy } from './policies/policy.ts';
import { probability } from './policies/probability.ts';
import { slow } from './policies/slow.ts';
import type { SpanFacts } from './span-headers.ts';

/** In order of precedence; the last one always has a verdict. */
const POLICIES: readonly (readonly [name: string, policy: Policy])[] = [
  ['error', error],
  ['slow', slow],
  ['probability', probability],
];

export function decide(traceId: string, facts: SpanFacts, config: Config, nowMs: number): Decision {
  for (const [policy, judge] of POLICIES) {
    const verdict = judge({ traceId, facts, config });
    if (verdict) return { ...verdict, policy, configVersion: config.version, decidedUs: nowMs * 1000 };
  }
  throw new Error('no policy had a verdict');
}
