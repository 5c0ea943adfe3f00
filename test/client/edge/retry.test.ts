import { describe, expect, it } from 'vitest';
import { isRetryable, parseRetryAfter, retryDelayMs } from '../../../client/edge/retry.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0);

it('repeats only what OTLP allows to repeat', () => {
  expect([200, 400, 401, 413, 429, 500, 502, 503, 504].filter(isRetryable)).toEqual([429, 502, 503, 504]);
});

it.each([
  [null, null],
  ['3', 3_000],
  [' 0 ', 0],
  ['Sat, 21 Nov 2026 12:00:05 GMT', 5_000],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
  ['soon', null],
])('reads Retry-After %j as %j ms', (text, delayMs) => {
  expect(parseRetryAfter(text, NOW_MS)).toBe(delayMs);
});

describe('the delay', () => {
  it('doubles its ceiling, with full jitter below it', () => {
    expect([1, 2, 3, 4].map((attempts) => retryDelayMs(attempts, 0, null, 0.5))).toEqual([200, 400, 800, 1_600]);
    expect(retryDelayMs(4, 0, null, 0)).toBe(0);
    expect(retryDelayMs(4, 0, null, 0.999)).toBeLessThanOrEqual(5_000);
  });

  it('is never shorter than the server asked for', () => {
    expect(retryDelayMs(1, 0, 2_000, 0)).toBe(2_000);
    expect(retryDelayMs(1, 0, 2_000, 0.5)).toBe(2_200);
  });

  it('ends after five attempts, or when the next one would be past the budget', () => {
    expect(retryDelayMs(5, 0, null, 0)).toBeNull();
    expect(retryDelayMs(1, 11_900, null, 0.9)).toBeNull();
    expect(retryDelayMs(1, 0, 12_001, 0)).toBeNull();
    expect(retryDelayMs(1, 0, 12_000, 0)).toBe(12_000);
  });
});
