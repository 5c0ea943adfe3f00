import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GroupCommit } from '../../durable-objects/group-commit.ts';

/** A disk whose syncs end when the test says so. */
function setUp() {
  const written: number[][] = [];
  const syncs: { resolve: () => void; reject: (error: Error) => void; upTo: number }[] = [];
  const group = new GroupCommit<number>(
    (items) => written.push([...items]),
    () => new Promise((resolve, reject) => syncs.push({ resolve, reject, upTo: written.length })),
  );
  return { written, syncs, group };
}

it('writes a lone commit at once and what comes meanwhile as one', async () => {
  const { written, syncs, group } = setUp();
  const first = group.commit([1], 1);
  expect(written).toEqual([[1]]);
  const others = [group.commit([2], 1), group.commit([3], 1)];
  expect(written).toEqual([[1]]);
  syncs[0]!.resolve();
  await first;
  await Promise.resolve();
  expect(written).toEqual([[1], [2, 3]]);
  syncs[1]!.resolve();
  await Promise.all(others);
  const last = group.commit([4], 1);
  expect(written).toEqual([[1], [2, 3], [4]]);
  syncs[2]!.resolve();
  await last;
});

it('goes on after a failed sync', async () => {
  const { written, syncs, group } = setUp();
  const first = group.commit([1], 1);
  const second = group.commit([2], 1);
  syncs[0]!.reject(new Error('disk'));
  await expect(first).rejects.toThrow('disk');
  await Promise.resolve();
  syncs[1]!.resolve();
  await second;
  expect(written).toEqual([[1], [2]]);
});

it('never resolves a commit before a sync that came after its write', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (steps) => {
      const { written, syncs, group } = setUp();
      let synced = 0;
      let resolved = 0;
      const commits: Promise<void>[] = [];
      const syncNext = () => {
        const sync = syncs.shift();
        if (!sync) return;
        synced = written.slice(0, sync.upTo).flat().length;
        sync.resolve();
      };
      for (const isCommit of steps) {
        if (isCommit) {
          const n = commits.length;
          commits.push(
            group.commit([n], 1).then(() => {
              expect(written.flat().indexOf(n)).toBeLessThan(synced);
              resolved++;
            }),
          );
        } else syncNext();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      while (resolved < commits.length) {
        syncNext();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await Promise.all(commits);
      expect(written.flat()).toEqual(commits.map((_, n) => n));
    }),
    { numRuns: 50 },
  );
});
