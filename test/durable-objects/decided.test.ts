import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { Decided } from '../../durable-objects/decided.ts';
import { Log } from '../../durable-objects/log.ts';
import { IndexBuilder } from '../../durable-objects/log-index.ts';
import { BUCKET_MAX_BYTES, MAX_REMEMBERED_DECISIONS } from '../../model/limits.ts';

const NOW_MS = 1_790_000_000_000;
const SEED = 7;

function use(name: string, test: (sql: SqlStorage) => void): Promise<void> {
  return runInDurableObject(env.TRACE_SHARD.getByName(`decided-${name}`), (_, { storage: { sql } }) => {
    // The shard's own start has begun no bucket: nothing was written.
    test(sql);
  });
}

it('finds the last decision of a trace in its bucket, after a start too, until the bucket goes', () =>
  use('buckets', (sql) => {
    const log = new Log(sql, BUCKET_MAX_BYTES);
    const decided = new Decided(log, SEED);
    const last = new Map<number, { bucket: number; row: number }>();
    for (let bucket = 1; bucket <= 3; bucket++) {
      log.begin(NOW_MS);
      decided.begin(bucket);
      // Some ids are decided in every bucket, some in one.
      for (let i = 0; i < 3_000; i++) {
        const id = i % 2 === 0 ? i : bucket * 10_000 + i;
        decided.add(id, 1, 2, id * 3, i + 1, 0, 9);
        last.set(id, { bucket, row: i + 1 });
      }
      if (bucket < 3) log.close(NOW_MS, decided.current, new IndexBuilder());
    }
    const check = (one: Decided, from: number, to: number) => {
      for (const [id, { bucket, row }] of last) {
        const expected = bucket >= from && bucket <= to ? { bucket, row, start: 0, end: 9 } : null;
        expect(one.find(id, 1, 2, (id * 3) >>> 0)).toEqual(expected);
      }
      expect(one.find(1, 2, 3, 4)).toBeNull();
    };
    check(decided, 1, 3);
    log.drop(1);
    decided.drop(1);
    check(decided, 2, 3);
    log.close(NOW_MS, decided.current, new IndexBuilder());
    const again = new Decided(new Log(sql, BUCKET_MAX_BYTES), SEED);
    again.load();
    check(again, 2, 3);
  }));

it('forgets the oldest half when there is no more room, and says how many', () =>
  use('cap', (sql) => {
    const log = new Log(sql, BUCKET_MAX_BYTES);
    const decided = new Decided(log, SEED);
    log.begin(NOW_MS);
    decided.begin(1);
    const count = MAX_REMEMBERED_DECISIONS + 1_000;
    for (let i = 0; i < count; i++) decided.add(i, 1, 2, i, i + 1, 0, 9);
    expect(decided.count).toBeLessThanOrEqual(MAX_REMEMBERED_DECISIONS);
    expect(decided.evicted).toBeGreaterThan(0);
    expect(decided.find(0, 1, 2, 0)).toBeNull();
    const newest = count - 1;
    expect(decided.find(newest, 1, 2, newest)).toEqual({ bucket: 1, row: count, start: 0, end: 9 });
  }));
