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
const GO = /^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const GO_PIECE = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const PROMETHEUS = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const PROMETHEUS_UNITS = [365 * 86_400e9, 7 * 86_400e9, 86_400e9, 3600e9, 60e9, 1e9, 1e6];

/** A duration in Prometheus's units (`1d12h`) or in Go's (`1.5ms`); null where it is neither. */
export function parseDuration(text: string): number | null {
  const parts = text === '' ? null : PROMETHEUS.exec(text);
  if (parts) return PROMETHEUS_UNITS.reduce((sum, unit, i) => sum + Number(parts[i + 1] ?? 0) * unit, 0);
  if (!GO.test(text)) return null;
  const pieces = [...text.matchAll(GO_PIECE)];
  return pieces.reduce((sum, [, number, unit]) => sum + Math.round(Number(number) * GO_UNITS[unit!]!), 0);
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
