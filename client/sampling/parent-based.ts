import { FLAG_SAMPLED } from '../propagation/w3c.ts';
import {
  DROP,
  type Hook,
  RECORD,
  RECORD_FOR_NOW,
  SAMPLE,
  type SampledSpan,
  type Sampler,
  type SamplingResult,
} from './sampler.ts';

const LATER_HOOKS = ['onUpdateName', 'onSetAttribute', 'onAddEvent', 'onSetStatus'] as const;

/**
 * Asks `root` about spans that have no parent; all others go by their parent. Where that is a span of this page that is not
 * decided when its child ends, the child goes by what would become of the parent now.
 */
export function parentBased(root: Sampler): Sampler {
  const forward = (hook: Hook) => (span: SampledSpan, first: never, second: never) =>
    span.isRoot ? root[hook]?.(span, first, second) : undefined;
  return {
    ...(root.keepsUnsampled && { keepsUnsampled: true }),
    ...Object.fromEntries(LATER_HOOKS.filter((hook) => root[hook]).map((hook) => [hook, forward(hook)])),
    onStart: (span) => (span.isRoot ? root.onStart(span) : follow(span, root)),
    onEnd: (span) => (span.isRoot ? root.onEnd?.(span) : follow(span, root)),
  };
}

function follow(span: SampledSpan, { keepsUnsampled }: Sampler): SamplingResult {
  let top = span;
  while (top.parent) top = top.parent;
  const { flags, traceState } = top.trace;
  if (flags & FLAG_SAMPLED) return top === span ? SAMPLE : { ...SAMPLE, traceState };
  const left = keepsUnsampled ? RECORD : DROP;
  if (top === span) return left;
  if (top.isDropped) return DROP;
  if (!top.sampling) return RECORD;
  return span.endUs === null ? RECORD_FOR_NOW : left;
}
