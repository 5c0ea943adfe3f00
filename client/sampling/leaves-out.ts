/**
 * Whether spans are missing in this page's batches because they were not sampled. Written into the recorder's memory, because
 * whoever encodes a batch, in whatever thread, has to say so; and for good, because earlier spans may still be on their way.
 */

import { headerOf, WORD_LEAVES_OUT } from '../recorder/memory.ts';
import type { Sampling } from './sampler.ts';

/** To be called before `sampling` decides anything. */
export function noteSampling(buffer: ArrayBufferLike, sampling: Sampling | null): void {
  if (sampling && !sampling.keepsUnsampled) Atomics.store(headerOf(buffer), WORD_LEAVES_OUT, 1);
}

export function leavesOut(buffer: ArrayBufferLike): boolean {
  return Atomics.load(headerOf(buffer), WORD_LEAVES_OUT) === 1;
}
