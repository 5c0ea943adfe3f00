import type { AnyOptions } from './policy.ts';

/** Policies that choose among the traces they are asked about: by chance, by a budget, or by need. */
const CHOICES: ReadonlySet<string> = new Set([
  'probability',
  'throughput',
  'rate_limit',
  'byte_limit',
  'coverage',
  'composite',
  'drop',
]);

/**
 * True for a policy that says of each trace whether it matches, and keeps all that do; only such ones can be turned round or
 * decide what others are asked about without spoiling what the kept traces stand for.
 */
export function isCondition(options: AnyOptions): boolean {
  return !CHOICES.has(options.type) && membersOf(options).every(isCondition);
}

function membersOf(options: AnyOptions): readonly AnyOptions[] {
  const { of } = options as { of?: unknown };
  if (options.type === 'not') return [of as AnyOptions];
  return options.type === 'and' || options.type === 'or' ? (of as AnyOptions[]) : [];
}
