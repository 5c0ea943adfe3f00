/**
 * The two things samplers write into and read from a tracestate's `ot` member
 * (https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/).
 */

const OT = /(^|,)\s*ot=([^,]*)/;
const MAX_MEMBERS = 32;

/** The tracestate with `threshold` as its `th`, or without one where that is empty. Its other members stay as they are. */
export function withThreshold(traceState: string, threshold: string): string {
  const member = OT.exec(traceState);
  if (!member && !threshold) return traceState;
  const others = (member?.[2] ?? '').split(';').filter((part) => part && !part.startsWith('th:'));
  const ot = (threshold ? [`th:${threshold}`, ...others] : others).join(';');
  const rest = traceState
    .replace(OT, '')
    .split(',')
    .filter((part) => part.trim());
  // Who changes a member puts it first; the last one has to go when there are too many.
  return [...(ot ? [`ot=${ot}`] : []), ...rest].slice(0, MAX_MEMBERS).join(',');
}

/** The randomness that a tracestate says its trace has, as `randomOf` gives it; null where that is in the trace id. */
export function readRandom(traceState: string): number | null {
  const digits = /(?:^|;)rv:([0-9a-f]{12})[0-9a-f]{2}(?=;|\s*$)/.exec(OT.exec(traceState)?.[2] ?? '')?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}
