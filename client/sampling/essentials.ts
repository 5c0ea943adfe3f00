/** Less detail: what a page that is busy with itself records. */

import { FLAG_SAMPLED } from '../propagation/w3c.ts';
import { SLOW_US } from '../recorder/span-traits.ts';
import { sampleBy } from './sample-by.ts';
import { DROP, type SampledSpan, type Sampling } from './sampler.ts';

const KIND_INTERNAL = 1;
const STATUS_ERROR = 2;

/**
 * Drops the spans below another one of the page's that turn out ordinary when they end; what failed, was slow, may have spans
 * elsewhere below it, or ended after such a one in its trace stays, and so do roots: nothing is left without its parent. `sampling` decides about everything else.
 */
export function onlyEssentials(sampling: Sampling | null): Sampling {
  const essential = new WeakSet<readonly number[]>();
  const isEssential = ({ statusCode, startUs, endUs }: SampledSpan) =>
    statusCode === STATUS_ERROR || endUs! - startUs >= SLOW_US;
  const details = sampleBy({
    onStart({ kind, trace }) {
      // A request carries its id.
      if (kind !== KIND_INTERNAL) essential.add(trace.words);
      return undefined;
    },
    onEnd(span) {
      const { words } = span.trace;
      if (isEssential(span)) essential.add(words);
      return essential.has(words) ? undefined : DROP;
    },
  });
  return {
    keepsUnsampled: sampling?.keepsUnsampled ?? true,
    start(span) {
      const { parent, trace } = span;
      if (parent && trace.flags & FLAG_SAMPLED) details.start(span);
      else if (sampling) sampling.start(span);
      else span.hand();
    },
    ask() {},
  };
}
