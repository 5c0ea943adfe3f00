import { DROP, SAMPLE, type Sampler } from './sampler.ts';

export const always: Sampler = { onStart: () => SAMPLE };
export const never: Sampler = { onStart: () => DROP };
