/**
 * The page's clock: the monotonic performance clock, anchored once to the wall clock, so that durations are exact and
 * a wall clock that is set while the page lives bends nothing.
 */
export interface Clock {
  /** Microseconds since the Unix epoch. */
  nowUs(): number;
  /** The wall time of a `performance` timestamp in milliseconds, in microseconds since the Unix epoch. */
  fromPerformance(ms: number): number;
}

/** The page's wall clock, milliseconds since the Unix epoch. */
export function wallMs(): number {
  return Date.now();
}

export function createClock(): Clock {
  const originUs = Date.now() * 1000 - performance.now() * 1000;
  return {
    nowUs: () => originUs + performance.now() * 1000,
    fromPerformance: (ms) => originUs + ms * 1000,
  };
}
