/** The ticks of a time axis. */

import type { TimeRange } from './viewport.ts';

export interface Tick {
  /** Microseconds since the trace's start. */
  readonly atUs: number;
  /** 0..1 across the viewport. */
  readonly fraction: number;
  readonly label: string;
}

/** Steps beyond a second follow the clock, not the decimal system. */
const CLOCK_STEPS_US = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * 1e6,
);

/** The smallest round step that leaves at most `count` ticks; never below a microsecond. */
export function tickStepUs(rangeUs: number, count: number): number {
  const least = rangeUs / Math.max(1, count);
  if (least > 1e6) {
    return CLOCK_STEPS_US.find((step) => step >= least) ?? Math.ceil(least / 8.64e10) * 8.64e10;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return Math.max(1, [1, 2, 5, 10].find((digit) => digit * power >= least)! * power);
}

/** Ticks at round times inside the viewport, about `count` of them. All labels have one unit and one precision. */
export function layoutTicks(viewport: TimeRange, count: number): Tick[] {
  const rangeUs = viewport.endUs - viewport.startUs;
  const stepUs = tickStepUs(rangeUs, count);
  const ticks: Tick[] = [];
  const last = Math.floor(viewport.endUs / stepUs);
  for (let n = Math.ceil(viewport.startUs / stepUs); n <= last; n++) {
    const atUs = n * stepUs;
    ticks.push({
      atUs,
      fraction: (atUs - viewport.startUs) / rangeUs,
      label: formatTick(atUs, stepUs, viewport.endUs),
    });
  }
  return ticks;
}

function formatTick(atUs: number, stepUs: number, greatestUs: number): string {
  if (greatestUs >= 1.2e8 && stepUs >= 1e6) {
    const seconds = Math.round(atUs / 1e6);
    const text = `${Math.floor(seconds / 60) % 60}:${String(seconds % 60).padStart(2, '0')}`;
    return seconds < 3600 ? text : `${Math.floor(seconds / 3600)}:${text.padStart(5, '0')}`;
  }
  const [unitUs, unit] = greatestUs < 1e3 ? [1, 'µs'] : greatestUs < 1e6 ? [1e3, 'ms'] : [1e6, 's'];
  const digits = Math.max(0, Math.ceil(Math.log10(unitUs / stepUs) - 1e-9));
  return `${(atUs / unitUs).toFixed(digits)} ${unit}`;
}
