import { expect, test } from 'vitest';
import { formatMeasured, measure } from '../../scripts/budgets.ts';

const one = { name: 'the license', files: ['LICENSE'] };
const asIs = (pattern: string) => [pattern];

test('a file above its limit is over, one at its limit is not', () => {
  const { gzipBytes } = measure(one, asIs);
  expect(gzipBytes).toBeGreaterThan(3_000);
  expect(measure({ ...one, maxGzipBytes: gzipBytes }, asIs).over).toBe(false);
  const over = measure({ ...one, maxGzipBytes: gzipBytes - 1 }, asIs);
  expect(over.over).toBe(true);
  expect(formatMeasured(over)).toMatch(/^the license \d,\d{3} of \d,\d{3} B: too much$/);
});

test('a file that was not built is no pass', () => {
  expect(() => measure({ ...one, maxGzipBytes: 1 }, () => [])).toThrow('LICENSE was not built');
});
