/** The tail's verdict on a trace: that of the first rule that has one, and a drop beats them all. */

import type { Decision, RetentionClass } from '../model/span.ts';
import { ruleNames } from './config/rules.ts';
import type { Config } from './config.ts';
import { NOT_SAMPLED } from './policies/consistent.ts';
import { observeAll, type Policy, type Verdict } from './policies/policy.ts';
import { policyMaker } from './policies/registry.ts';
import { createClassifier } from './retention-class.ts';
import type { TraceView } from './trace-view.ts';

/** One configuration at work in one shard, with what its rules have learned. */
export interface Sampler {
  /**
   * Decides a trace. Where rules learn or have budgets, the next decision depends on this one; the shard makes it durable and
   * never asks again for the same spans.
   */
  decide(view: TraceView, nowMs: number): Decision;
  /** How long a trace is stored that was kept otherwise: by hand. */
  classify(view: TraceView, nowMs: number): RetentionClass;
}

interface Rule {
  readonly name: string;
  readonly policy: Policy;
}

/** What signs a decision that no rule made. */
const NO_RULE = 'none';

export function createSampler(config: Config): Sampler {
  const create = policyMaker(config.shards, config.critical);
  const names = ruleNames(config.rules);
  const rules = config.rules.map((options, i) => ({ type: options.type, name: names[i]!, policy: create(options) }));
  const drops: readonly Rule[] = rules.filter(({ type }) => type === 'drop');
  const others: readonly Rule[] = rules.filter(({ type }) => type !== 'drop');
  const { classify, observe: observeClasses } = createClassifier(config, create);
  const observe = observeAll([...rules.map(({ policy }) => policy), { judge: () => null, observe: observeClasses }]);
  const { version } = config;

  const sign = (verdict: Verdict, policy: string, view: TraceView, nowMs: number): Decision => {
    const { keep, rate, reason } = verdict;
    const decidedUs = Math.round(nowMs * 1000);
    if (!keep) return { keep, rate, reason, policy, configVersion: version, decidedUs };
    return { keep, rate, reason, policy, configVersion: version, decidedUs, retention: classify(view, nowMs) };
  };
  const judge = (view: TraceView, nowMs: number): Decision => {
    for (const { name, policy } of drops) {
      const verdict = policy.judge(view, nowMs);
      if (verdict) return sign(verdict, name, view, nowMs);
    }
    for (const { name, policy } of others) {
      const verdict = policy.judge(view, nowMs);
      if (verdict) return sign(verdict, name, view, nowMs);
    }
    return sign(NOT_SAMPLED, NO_RULE, view, nowMs);
  };
  return {
    classify,
    decide: (view, nowMs) => {
      const decision = judge(view, nowMs);
      observe?.(view, nowMs, decision.keep);
      return decision;
    },
  };
}
