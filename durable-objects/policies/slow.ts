import type { Policy } from './policy.ts';

/** Keeps every trace that lasted `slowMs` or longer, from its first span's start to its last one's end. */
export const slow: Policy = ({ facts, config }) =>
  facts.durationUs >= config.slowMs * 1000 ? { keep: true, rate: 1, reason: 'slow' } : null;
