/** The list of rules that a configuration has, and the names decisions are signed with. */

import * as v from 'valibot';
import { MAX_RULES } from '../policies/bounds.ts';
import { type PolicyOptions, policySchema } from '../policies/registry.ts';

const LEARNING: ReadonlySet<string> = new Set(['latency_percentile', 'rare_edge', 'coverage', 'throughput']);

export const rulesSchema = v.pipe(
  v.array(policySchema),
  v.minLength(1),
  v.maxLength(MAX_RULES),
  v.check((rules) => new Set(ruleNames(rules)).size === rules.length, 'two rules have the same name'),
);

/** Policies, wherever they stand in `part` of a configuration, that keep tables of what they saw. */
export function countLearning(part: unknown): number {
  if (typeof part !== 'object' || part === null) return 0;
  const { type } = part as { type?: unknown };
  const own = typeof type === 'string' && LEARNING.has(type) ? 1 : 0;
  return Object.values(part).reduce((sum: number, member) => sum + countLearning(member), own);
}

/** Each rule's name: its own, else its type; from the second of its type on with its number, `attribute-2`. */
export function ruleNames(rules: readonly PolicyOptions[]): string[] {
  const seen = new Map<string, number>();
  return rules.map(({ type, name }) => {
    const number = (seen.get(type) ?? 0) + 1;
    seen.set(type, number);
    return name ?? (number === 1 ? type : `${type}-${number}`);
  });
}

/** What is kept where a configuration has no rules: errors, what is slow, and a share of the rest. */
export function defaultRules(slowMs: number, probability: number): PolicyOptions[] {
  return [{ type: 'error' }, { type: 'latency', name: 'slow', minMs: slowMs }, { type: 'probability', probability }];
}
