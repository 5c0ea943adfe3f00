import { expect, test } from 'vitest';
import { countVitest, formatTotals } from '../../scripts/totals.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});
const count = (...testResults: unknown[]) => countVitest(JSON.stringify({ testResults }));

test('tests are summed over files; todo and skipped ones are neither passed nor failed', () => {
  const totals = count(file('passed', 'passed', 'passed', 'skipped'), file('failed', 'failed', 'passed', 'todo'));
  expect(totals).toEqual({ passed: 3, failed: 1, skipped: 2 });
  expect(formatTotals(totals)).toBe('3 passed, 1 failed, 2 skipped');
});

test('a file that does not load, or whose hook fails, is one failure', () => {
  expect(count(file('failed'), file('failed', 'passed', 'skipped'))).toEqual({ passed: 1, failed: 2, skipped: 1 });
});

test('without skipped tests the line is plain', () => {
  expect(formatTotals(count(file('passed', 'passed')))).toBe('1 passed, 0 failed');
});
