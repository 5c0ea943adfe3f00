/**
 * The page's clock: the monotonic performance clock, anchored to the wall clock. The performance clock stands still while the
 * machine sleeps, and the two drift apart; so it is anchored anew, as a new segment, when a trace begins here and they have.
 * All spans of a trace stay in its segment, where durations and order are those of the performance clock.
 */
export interface Clock {
  /** The segment of a trace that begins now: what `nowUs` counts from, microseconds since the Unix epoch. */
  segmentUs(): number;
  /** Microseconds since the Unix epoch, in a segment. */
  nowUs(segmentUs: number): number;
}

/** More than clocks that browsers make coarse differ by themselves. */
const MAX_DRIFT_US = 50_000;

/** The page's wall clock, milliseconds since the Unix epoch. */
export function wallMs(): number {
  return Date.now();
}

/** The page's performance clock, milliseconds since the page began. */
export function monotonicMs(): number {
  return performance.now();
}

/** Both clocks are in milliseconds. */
export function createClock(wall: () => number = wallMs, monotonic: () => number = monotonicMs): Clock {
  const anchorUs = () => (wall() - monotonic()) * 1000;
  let originUs = anchorUs();
  const hasDrifted = () => Math.abs(anchorUs() - originUs) > MAX_DRIFT_US;
  return {
    segmentUs() {
      // Seen twice: a thread that is stopped between the two clocks sees a drift that is none.
      if (hasDrifted() && hasDrifted()) originUs = anchorUs();
      return originUs;
    },
    nowUs: (segmentUs) => segmentUs + monotonic() * 1000,
  };
}
