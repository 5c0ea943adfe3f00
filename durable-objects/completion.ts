/** When a trace is decided: evidence of completeness brings it nearer, age bounds it. */

import { MAX_TRACE_BYTES } from '../model/limits.ts';
import type { Config } from './config.ts';
import type { LiveTrace } from './live-trace.ts';

/**
 * The time at which `trace` is to be decided, milliseconds since the epoch, as far as is known now; the next span may
 * move it. With its root ended, every named parent present and nothing open it only has to be quiet for a moment.
 * Spans whose page said goodbye will not end any more, so they are not waited for. A trace that has grown large is decided
 * as it is; what comes later is a further part of it.
 */
export function decideByMs(trace: LiveTrace, config: Config): number {
  if (trace.countBytes(trace.decided, trace.slices.length) >= MAX_TRACE_BYTES) return trace.lastMs;
  const { rootEnded, missingParents, openSpans } = trace.headers!.completeness;
  const isComplete = rootEnded && missingParents === 0 && (openSpans === 0 || trace.goodbye);
  const quietMs = isComplete ? config.quietMs : config.headlessQuietMs;
  return Math.min(trace.firstMs + config.maxAgeMs, trace.lastMs + quietMs);
}
