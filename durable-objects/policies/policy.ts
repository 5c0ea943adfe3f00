/** A tail rule: looks at a trace's facts and says why it is kept, or null when it has nothing to say. */

import type { DecisionReason } from '../../model/reasons.ts';
import type { Config } from '../config.ts';
import type { SpanFacts } from '../span-headers.ts';

export interface PolicyInput {
  readonly traceId: string;
  readonly facts: SpanFacts;
  readonly config: Config;
}

export interface Verdict {
  readonly keep: boolean;
  /** 1 in `rate` traces like this one gets the same verdict. */
  readonly rate: number;
  readonly reason: DecisionReason;
}

export type Policy = (input: PolicyInput) => Verdict | null;
