/** Durations as people read and type them. The unit of every number is microseconds. */

const UNIT_US: Readonly<Record<string, number>> = {
  us: 1,
  µs: 1,
  μs: 1,
  ms: 1e3,
  s: 1e6,
  m: 6e7,
  min: 6e7,
  h: 3.6e9,
};

/**
 * Parses `250ms`, `1.5s`, `2m 30s`, `100µs`; a bare number means milliseconds. Null when `text` is no duration.
 */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim().toLowerCase().replace(',', '.');
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1e3);
  if (!/^(\d+(\.\d+)?\s*(us|µs|μs|ms|min|s|m|h)\s*)+$/.test(trimmed)) return null;
  let total = 0;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)\s*(us|µs|μs|ms|min|s|m|h)/g)) {
    total += Number(amount) * UNIT_US[unit!]!;
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : null;
}

/** Three significant digits and the unit that fits: `0 µs`, `12.5 ms`, `1.24 s`, `2 m 05 s`, `3 h 07 m`. */
export function formatDuration(us: number): string {
  if (us < 0) return `−${formatDuration(-us)}`;
  if (us < 999.5) return `${threeDigits(us)} µs`;
  if (us < 999_500) return `${threeDigits(us / 1e3)} ms`;
  if (us < 59_950_000) return `${threeDigits(us / 1e6)} s`;
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} m`;
}

function threeDigits(value: number): string {
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  const text = value.toFixed(digits);
  return digits === 0 ? text : text.replace(/\.?0+$/, '');
}
