import type { Policy } from './policy.ts';

/** Keeps every trace with a span whose status is error. */
export const error: Policy = ({ facts }) => (facts.errorCount > 0 ? { keep: true, rate: 1, reason: 'error' } : null);
