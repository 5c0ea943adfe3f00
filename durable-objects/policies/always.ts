import { condition, definePolicy, optionsOf } from './policy.ts';

/** Keeps every trace. */
export const always = definePolicy(optionsOf('always', {}), () => condition('always', () => true));
