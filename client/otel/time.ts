/** Times of OpenTelemetry's API. */

import type { TimeInput } from '@opentelemetry/api';

/**
 * Microseconds since the Unix epoch: of a Date, of seconds and nanoseconds, of milliseconds since the epoch, or of what
 * `performance.now()` gives, which is smaller. undefined for none, and for one that is no time.
 */
export function toUs(time: TimeInput | undefined): number | undefined {
  const us = time === undefined || time === null ? Number.NaN : convert(time);
  return Number.isFinite(us) ? us : undefined;
}

function convert(time: TimeInput): number {
  if (Array.isArray(time)) return time[0] * 1e6 + time[1] / 1e3;
  if (time instanceof Date) return time.getTime() * 1e3;
  return (time < performance.timeOrigin ? time + performance.timeOrigin : time) * 1e3;
}
