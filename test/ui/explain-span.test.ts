import { expect, it } from 'vitest';
import { explainClock, explainRank, nameRank } from '../../ui/logic/explain-span.ts';

const OPERATIONS = [
  {
    service: 'stock',
    name: 'GET /stock',
    kind: 'server',
    statistics: { spans: 1_499, p50Us: 18_640, p95Us: 26_362, p99Us: 28_747 },
  },
  { service: 'stock', name: 'SELECT stock', kind: 'client' },
  { service: 'shop', name: 'rare', kind: 'internal', statistics: { spans: 19, p50Us: 10, p95Us: 20, p99Us: 30 } },
] as const;
const row = (operation: number, percentile?: number) => ({
  spanId: '0000000000000001',
  operation,
  parent: -1,
  depth: 0,
  offsetUs: 0,
  selfUs: 0,
  ...(percentile === undefined ? {} : { percentile }),
});

it('names the rank of slow spans only, and never rounds it up to 100', () => {
  const names = [undefined, 94.9, 95.9, 99.97, 100].map((percentile) => nameRank(row(0, percentile), OPERATIONS));
  expect(names).toEqual(['', '', 'p95', 'p99.9', 'p99.9']);
});

it('calls nothing slow among few', () => {
  expect(nameRank(row(2, 100), OPERATIONS)).toBe('');
  expect(explainRank(row(2, 100), OPERATIONS)).toBe('19 around it: p50 10 µs, p95 20 µs, p99 30 µs');
});

it('says among how many, and what is usual', () => {
  expect(explainRank(row(0, 98.9), OPERATIONS)).toBe(
    'longer than 98 % of 1,499 around it (p50 18.6 ms, p95 26.4 ms, p99 28.7 ms)',
  );
  expect(explainRank(row(1), OPERATIONS)).toBe('');
});

it('says how a clock was moved, and how sure that is', () => {
  const clock = { service: 'stock', instance: '', reference: 0, offsetUs: -60_005_000, minUs: null, maxUs: null };
  expect(explainClock({ ...clock, uncertaintyUs: 6_000, confidence: 0.667 })).toBe('−1 m 00 s ± 6 ms, confidence 67 %');
  expect(explainClock({ ...clock, offsetUs: 5_000, uncertaintyUs: null, confidence: 0.5 })).toBe(
    '+5 ms, confidence 50 %',
  );
});
