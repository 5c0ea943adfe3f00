import { expect, it } from 'vitest';
import { createPace } from '../../../client/recorder/pace.ts';

const MAX = 64 * 1024;
const answer = (tookMs: number, outcome: 'accepted' | 'unavailable' = 'accepted') => ({
  outcome,
  pressure: null,
  tookMs,
});

it('halves batches while answers are slow or none come, and doubles them up to what there was', () => {
  const pace = createPace(MAX);
  const sizes = [
    answer(2_500),
    answer(9_000),
    answer(0, 'unavailable'),
    answer(5),
    answer(5),
    answer(5),
    answer(5),
  ].map((sent) => {
    pace.note(sent, 0);
    return pace.ringBytes / 1024;
  });
  expect(sizes).toEqual([32, 16, 8, 16, 32, 64, 64]);
  for (let i = 0; i < 20; i++) pace.note(answer(0, 'unavailable'), 0);
  expect(pace.ringBytes).toBe(8 * 1024);
});

it('leaves an edge that is slow as long alone as its answer took, at most 5 s', () => {
  const pace = createPace(MAX);
  pace.note(answer(1_900), 0);
  expect(pace.pauseMs(0)).toBe(0);
  pace.note(answer(3_000), 1_000);
  expect([1_000, 2_000, 4_000, 9_000].map((nowMs) => pace.pauseMs(nowMs))).toEqual([3_000, 2_000, 0, 0]);
  pace.note(answer(29_000), 1_000);
  expect(pace.pauseMs(1_000)).toBe(5_000);
});
