/** The table of shards as Control makes it, with time in the test's hands. */

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parseHex } from '../../model/ids.ts';
import { ownerOf, type RoutingTable, slotOf } from '../../model/routing.ts';
import { frame, randomTraceId, type TestSpan, traceId } from '../kit/spans.ts';

const control = env.CONTROL.getByName('control');
const SHARDS = 6;
const shard = (number: number) => env.TRACE_SHARD.getByName(`shard-${number}`);

async function table(): Promise<RoutingTable> {
  const { table } = await control.current(null);
  return table!;
}

const put = (shards: number) =>
  control.put(JSON.stringify({ ...JSON.parse(env.TAILRACE_CONFIG!), shards, headlessQuietMs: 0 }), 1, null, 'test');

function ownerIn(traceId: string, { shards }: RoutingTable): number {
  return ownerOf(slotOf(parseHex(traceId)!), shards);
}

async function send(sender: RoutingTable, ...spans: TestSpan[]): Promise<void> {
  const owner = shard(ownerIn(spans[0]!.traceId, sender));
  expect(await owner.append(frame(spans), sender)).toBe(true);
}

/** Time goes on, and what was due is done. */
async function pass(seconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + seconds * 1_000);
  for (let i = 0; i < SHARDS; i++) await runDurableObjectAlarm(shard(i));
  await runDurableObjectAlarm(control);
}

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterAll(() => {
  vi.useRealTimers();
});

it('takes a former table off once no shard has anything left of it', async () => {
  const before = await table();
  expect(before).toEqual({ version: 1, shards: 4, former: [], highest: 4 });
  const ids = Array.from({ length: 40 }, randomTraceId);
  for (const id of ids) await send(before, { traceId: id, id: 1, error: true });
  const erased = randomTraceId();
  await shard(ownerIn(erased, before)).erase(erased);

  await put(SHARDS);
  const during = await table();
  expect(during).toEqual({ version: 2, shards: SHARDS, former: [4], highest: SHARDS });
  const isMoved = (id: string) => ownerIn(id, before) !== ownerIn(id, during);
  await runDurableObjectAlarm(control);
  const moved = async () => {
    const metrics = await Promise.all(Array.from({ length: SHARDS }, (_, i) => shard(i).metrics()));
    return metrics.reduce((sum, { movedTraces }) => sum + movedTraces, 0);
  };
  expect(await moved()).toBe(ids.filter(isMoved).length);

  // Decided and stored; a span that is late goes where the others were, as long as those are remembered.
  await pass(1);
  expect(await moved()).toBe(0);
  const late = ids.find(isMoved)!;
  await pass(540);
  await send(during, { traceId: late, id: 2, parent: 1, error: true });
  await pass(1);
  expect(await table()).toEqual(during);
  const { decidedTraces } = await totals();
  expect(decidedTraces).toBe(ids.length);

  // The bucket with the late span is closed after a minute, and dropped ten minutes later.
  await pass(60);
  await pass(590);
  expect(await table()).toEqual(during);
  await pass(20);
  await pass(1);
  const after = await table();
  expect(after).toEqual({ version: 3, shards: SHARDS, former: [], highest: SHARDS });

  // From now on nobody asks the former owners: the new ones know what was erased.
  await send(after, { traceId: erased, id: 1, error: true });
  for (let i = 0; i < SHARDS; i++) expect(await shard(i).get(erased, null, true)).toBeNull();
});

/** Over all shards. */
async function totals() {
  const metrics = await Promise.all(Array.from({ length: SHARDS }, (_, i) => shard(i).metrics()));
  const decided = metrics.flatMap(({ counters }) => Object.values(counters.decidedTraces));
  return { decidedTraces: decided.reduce((sum, count) => sum + count, 0) };
}

it('goes from three tables that drain to a fourth only when they are drained', async () => {
  const { version } = await table();
  for (const shards of [3, 5, 2]) await put(shards);
  const during = await table();
  expect(during).toEqual({ version: version + 3, shards: 2, former: [6, 3, 5], highest: SHARDS });
  await put(4);
  expect(await table()).toEqual(during);
  await pass(1);
  for (let minutes = 0; minutes < 12; minutes++) await pass(60);
  const after = await table();
  expect([after.shards, after.version > during.version]).toEqual([4, true]);
  for (let minutes = 0; minutes < 24; minutes++) await pass(60);
  expect(await table()).toMatchObject({ shards: 4, former: [] });
});

it('tells of a table at once that is made while shards are asked about the one before', async () => {
  const before = await table();
  await put(5);
  let isHeld = true;
  const held = runInDurableObject(shard(0), (_, state) =>
    state.blockConcurrencyWhile(async () => {
      while (isHeld) await scheduler.wait(10);
    }),
  );
  const alarm = runDurableObjectAlarm(control);
  await put(6);
  isHeld = false;
  await Promise.all([held, alarm]);
  expect(await table()).toMatchObject({ version: before.version + 2, former: [4, 5] });
  expect(await runInDurableObject(control, (_, state) => state.storage.getAlarm())).toBe(Date.now());
});

it('a shard that was not told yet finds what the others have', async () => {
  const before = await table();
  const ids: string[] = [];
  while (ids.length < 3) {
    const id = randomTraceId();
    // A new owner that nobody has called before, and a former one that the variable does not lead to.
    const isMoved = ownerIn(id, before) !== ownerIn(id, { ...before, shards: 4 });
    if (isMoved && ownerIn(id, { ...before, shards: 12 }) === SHARDS + ids.length) ids.push(id);
  }
  const [read, kept, erased] = ids as [string, string, string];
  for (const id of ids) await send(before, { traceId: id, id: 1 });
  await put(12);
  const after = await table();
  const owner = (id: string) => shard(ownerIn(id, after));
  expect(await owner(read).get(read, null)).toMatchObject({ state: 'live' });
  expect(await owner(kept).keep(kept)).toBe(true);
  await owner(erased).erase(erased);
  expect(await shard(ownerIn(erased, before)).get(erased, null, true)).toBeNull();
});

it('a shard that gets nothing more writes what it has counted, though the store fails when its log has become empty', async () => {
  const lonely = env.TRACE_SHARD.getByName('lonely');
  vi.setSystemTime(Math.ceil(Date.now() / 60_000) * 60_000);
  await lonely.append(frame([{ traceId: traceId(1, false), id: 1 }]), await table());
  /** Runs every alarm, up to a number of them, when it is due. */
  const alarms = async (most: number): Promise<number> => {
    for (let count = 0; count < most; count++) {
      const atMs = await runInDurableObject(lonely, (_, state) => state.storage.getAlarm());
      if (atMs === null) return count;
      vi.setSystemTime(atMs);
      await runDurableObjectAlarm(lonely);
    }
    return most;
  };
  await env.DB.exec('ALTER TABLE statistics RENAME TO away');
  await alarms(6);
  await env.DB.exec('ALTER TABLE away RENAME TO statistics');
  expect(await alarms(6)).toBeLessThan(6);
  const shardName = env.TRACE_SHARD.idFromName('lonely').toString().slice(0, 16);
  const rows = await env.DB.prepare('SELECT * FROM statistics WHERE shard = ?').bind(shardName).all();
  expect(rows.results.length).toBe(1);
});
