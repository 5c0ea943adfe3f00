import { expect, it } from 'vitest';
import { formatGoDuration, parseDuration } from '../../../model/traceql/go-duration.ts';

// What Go's `Duration.String` says of these.
it.each([
  [0, '0s'],
  [100, '100ns'],
  [1_500, '1.5µs'],
  [250e6, '250ms'],
  [1_000_001_000, '1.000001s'],
  [90e9, '1m30s'],
  [150.5e9, '2m30.5s'],
  [3600e9, '1h0m0s'],
  [30 * 86_400e9, '720h0m0s'],
  [-60e9, '-1m0s'],
])('%d ns are %s, and are read of that', (nanos, text) => {
  expect(formatGoDuration(nanos)).toBe(text);
  if (nanos >= 0) expect(parseDuration(text)).toBe(nanos);
});

it('reads what Prometheus writes', () => {
  expect(parseDuration('1d12h')).toBe(36 * 3600e9);
  expect(parseDuration('2w')).toBe(14 * 86_400e9);
  expect(parseDuration('1y')).toBe(365 * 86_400e9);
});

it.each(['', '5', 's', '1x', '1s2', '.s', 'ms1'])('does not read %j', (text) => {
  expect(parseDuration(text)).toBeNull();
});
