import { expect, it } from 'vitest';
import { formatCalls, formatRate, formatShare } from '../../ui/logic/amounts.ts';
import { sortRows } from '../../ui/logic/sort.ts';

it.each([
  [0, '0 /s'],
  [12_345, '12,300 /s'],
  [0.5, '0.5 /s'],
  [0.05, '3 /min'],
  [0.000_5, '1.8 /h'],
])('%d calls a second are %s', (rate, text) => {
  expect(formatRate(rate)).toBe(text);
});

it.each([
  [0, '0 %'],
  [0.000_01, '< 0.01 %'],
  [0.003_4, '0.34 %'],
  [0.999, '99.9 %'],
  [1, '100 %'],
])('%d is a share of %s', (share, text) => {
  expect(formatShare(share)).toBe(text);
});

it('rounds estimates', () => {
  expect(formatCalls(1234.5)).toBe('1,235');
});

it('sorts numbers by size and text by the alphabet, with what has no value last either way', () => {
  const rows = [{ at: 2 }, { at: null }, { at: 10 }, { at: 1 }];
  expect(sortRows(rows, (row) => row.at, true).map(({ at }) => at)).toEqual([10, 2, 1, null]);
  expect(sortRows(rows, (row) => row.at, false).map(({ at }) => at)).toEqual([1, 2, 10, null]);
  expect(sortRows(['b', 'a', 'C'], (row) => row, false)).toEqual(['a', 'b', 'C']);
});
