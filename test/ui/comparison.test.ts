import { describe, expect, it } from 'vitest';
import { differenceOf } from '../../model/difference.ts';
import type { Span } from '../../model/span.ts';
import { compareRows, countKinds } from '../../ui/logic/comparison.ts';
import { openSpan, span } from './spans.ts';

const MS = 1_000;
const compare = (a: readonly Span[], b: readonly Span[]) => {
  const difference = differenceOf(a, b);
  return compareRows({
    ...difference,
    a: { traceId: 'a'.repeat(32), state: 'kept', ...difference.a },
    b: { traceId: 'b'.repeat(32), state: 'kept', ...difference.b },
  });
};
const root = (durationUs: number) => span('root', null, { name: 'GET /', durationUs });
const child = (id: string, name: string, part: Partial<Span>) => span(id, 'root', { name, ...part });

describe('compareRows', () => {
  it('tells what is slower, faster, missing and added, the greatest difference first', () => {
    const rows = compare(
      [
        root(100 * MS),
        child('1', 'slow', { durationUs: 20 * MS }),
        child('2', 'fast', { durationUs: 30 * MS }),
        child('3', 'gone', { durationUs: 5 * MS }),
      ],
      [
        root(101 * MS),
        child('4', 'slow', { durationUs: 80 * MS }),
        child('5', 'fast', { durationUs: 10 * MS }),
        child('6', 'new', { durationUs: 7 * MS }),
      ],
    );
    expect(rows.map(({ name, kind, longerUs }) => [name, kind, longerUs])).toEqual([
      ['slow', 'slower', 60 * MS],
      ['fast', 'faster', -20 * MS],
      ['new', 'onlyInB', 7 * MS],
      ['gone', 'onlyInA', -5 * MS],
      ['GET /', 'same', 1 * MS],
    ]);
    expect(countKinds(rows)).toEqual({ slower: 1, faster: 1, onlyInA: 1, onlyInB: 1, same: 1 });
  });

  it('takes no difference for one that is small for the span, or for the trace', () => {
    const rows = compare(
      [root(1_000 * MS), child('1', 'short', { durationUs: 1 * MS }), child('2', 'long', { durationUs: 900 * MS })],
      [root(1_000 * MS), child('1', 'short', { durationUs: 9 * MS }), child('2', 'long', { durationUs: 980 * MS })],
    );
    expect(rows.every(({ kind }) => kind === 'same')).toBe(true);
  });

  it('compares what has no end by what else changed', () => {
    const failed = child('1', 'call', { status: { code: 'error' }, attributes: { code: 500 } });
    const [row] = compare([root(100), openSpan('1', 'root', { name: 'call' })], [root(100), failed]).filter(
      ({ name }) => name === 'call',
    );
    expect(row).toMatchObject({ kind: 'same', longerUs: null, statusChanged: true, attributes: { onlyInB: 1 } });
  });
});
