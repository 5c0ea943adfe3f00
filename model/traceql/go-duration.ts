/** Durations as Go and Prometheus write them, in nanoseconds. */

const GO_UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const PROMETHEUS = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const PROMETHEUS_UNITS = [365 * 86_400e9, 7 * 86_400e9, 86_400e9, 3600e9, 60e9, 1e9, 1e6];

/** Go's `time.ParseDuration`. Throws a RangeError with Go's message. */
export function parseGoDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0;
  if (rest === '') throw new RangeError(`time: invalid duration ${JSON.stringify(text)}`);
  let total = 0;
  while (rest !== '') {
    const number = /^(?:\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) throw new RangeError(`time: invalid duration ${JSON.stringify(text)}`);
    rest = rest.slice(number.length);
    const unit = /^[^\d.]*/.exec(rest)![0];
    if (unit === '') throw new RangeError(`time: missing unit in duration ${JSON.stringify(text)}`);
    if (!Object.hasOwn(GO_UNITS, unit)) {
      throw new RangeError(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    }
    rest = rest.slice(unit.length);
    total += Math.round(Number(number) * GO_UNITS[unit]!);
  }
  return sign * total;
}

/** A duration in Prometheus's units (`1d12h`) or in Go's (`1.5ms`); null where it is neither. */
export function parseDuration(text: string): number | null {
  const parts = text === '' ? null : PROMETHEUS.exec(text);
  if (parts) return PROMETHEUS_UNITS.reduce((sum, unit, i) => sum + Number(parts[i + 1] ?? 0) * unit, 0);
  try {
    return parseGoDuration(text);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** As Go's `Duration.String`: `1h0m0s`, `1.5s`, `250ms`. */
export function formatGoDuration(nanos: number): string {
  if (nanos === 0) return '0s';
  const sign = nanos < 0 ? '-' : '';
  const size = Math.abs(nanos);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${trim(size, 1e3)}µs`;
  if (size < 1e9) return `${sign}${trim(size, 1e6)}ms`;
  const minutes = Math.floor(size / 60e9);
  const hours = Math.floor(minutes / 60);
  const seconds = `${trim(size - minutes * 60e9, 1e9)}s`;
  if (minutes === 0) return sign + seconds;
  return hours === 0 ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60}m${seconds}`;
}

/** A number of units with as many decimals as it needs. */
function trim(nanos: number, unit: number): string {
  const rest = nanos % unit;
  const whole = (nanos - rest) / unit;
  if (rest === 0) return String(whole);
  const digits = String(rest).padStart(Math.log10(unit), '0').replace(/0+$/, '');
  return `${whole}.${digits}`;
}
