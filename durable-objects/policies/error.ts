import { condition, definePolicy, optionsOf } from './policy.ts';

/** Keeps every trace with a span whose status is error. */
export const error = definePolicy(optionsOf('error', {}), () => condition('error', (view) => view.errorCount > 0));
