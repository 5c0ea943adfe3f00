/** Traces while the table of shards changes: each is taken in by one shard alone, whoever knows which table. */

import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { ShardApi } from '../../durable-objects/protocol.ts';
import { Rerouting } from '../../durable-objects/rerouting.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { joinAppendFrame } from '../../model/append-frame.ts';
import { parseHex } from '../../model/ids.ts';
import { MAX_SPANS_PER_REQUEST } from '../../model/limits.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { holdersOf, ownerOf, type RoutingTable, slotOf } from '../../model/routing.ts';
import { concatBytes, SLICE_HEADER_BYTES } from '../../model/slice-frame.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import { frame, randomTraceId, type TestSpan } from '../kit/spans.ts';

let version = 100;

/** A table that follows `before`; the first has no former ones. */
function tableOf(shards: number, before?: RoutingTable): RoutingTable {
  return {
    version: ++version,
    shards,
    former: before ? [...before.former, before.shards] : [],
    highest: Math.max(shards, before?.highest ?? 0),
  };
}

const shard = (number: number) => env.TRACE_SHARD.getByName(`shard-${number}`);
const ownerIn = (id: string, table: RoutingTable) => ownerOf(slotOf(parseHex(id)!), table.shards);

/** A trace that belongs to other shards in each of the tables. */
function moving(...tables: RoutingTable[]): string {
  for (;;) {
    const id = randomTraceId();
    if (new Set(tables.map((table) => ownerIn(id, table))).size === tables.length) return id;
  }
}

/** As a Worker that knows this table sends it. */
function send(table: RoutingTable, ...spans: TestSpan[]) {
  return shard(ownerIn(spans[0]!.traceId, table)).append(frame(spans), table);
}

/** Numbers of the shards that hold something of a trace themselves. */
async function holders(id: string, highest: number): Promise<number[]> {
  const found = await Promise.all(Array.from({ length: highest }, (_, i) => shard(i).get(id, null, true)));
  return [...found.keys()].filter((i) => found[i] !== null);
}

async function spanIds(id: string, table: RoutingTable): Promise<number[]> {
  const found = await shard(ownerIn(id, table)).get(id, null);
  return decodeSpans(mergeTrace(found?.otlp ?? new Uint8Array()), 'live')
    .map(({ spanId }) => Number.parseInt(spanId, 16))
    .sort((a, b) => a - b);
}

describe('while the table changes', () => {
  it('a trace stays with the shard that took it in first, whatever the sender knows', async () => {
    const before = tableOf(4);
    const after = tableOf(8, before);
    const id = moving(before, after);
    const old = ownerIn(id, before);
    await send(before, { traceId: id, id: 1 });
    await send(after, { traceId: id, id: 2, parent: 1 });
    await send(before, { traceId: id, id: 3, parent: 1 });
    expect(await holders(id, 8)).toEqual([old]);
    for (const table of [before, after]) expect(await spanIds(id, table)).toEqual([1, 2, 3]);
  });

  it('a new trace goes to the new owner, whatever the sender knows', async () => {
    const before = tableOf(4);
    const after = tableOf(8, before);
    const [first, second] = [moving(before, after), moving(before, after)];
    await send(after, { traceId: first, id: 1 });
    await send(before, { traceId: first, id: 2, parent: 1 });
    // The one before has heard of the table by now.
    await shard(ownerIn(second, before)).drain(after);
    await send(before, { traceId: second, id: 1 });
    await send(after, { traceId: second, id: 2, parent: 1 });
    for (const id of [first, second]) {
      expect(await holders(id, 8)).toEqual([ownerIn(id, after)]);
      for (const table of [before, after]) expect(await spanIds(id, table)).toEqual([1, 2]);
    }
  });

  it('one append may have spans for all of them', async () => {
    const before = tableOf(4);
    const after = tableOf(5, before);
    // All of one shard's slots as the last sender sees it.
    const ids: string[] = [];
    while (ids.length < 40) {
      const id = randomTraceId();
      if (ownerIn(id, before) === 2) ids.push(id);
    }
    const known = ids.slice(0, 20);
    await shard(2).append(frame(known.map((traceId) => ({ traceId, id: 1 }))), before);
    await shard(4).drain(after);
    await shard(3).drain(after);
    await shard(2).drain(after);
    await shard(2).append(frame(ids.map((traceId) => ({ traceId, id: 2, parent: 1 }))), before);
    for (const id of ids) {
      const isKnown = known.includes(id);
      expect(await holders(id, 5)).toEqual([isKnown ? 2 : ownerIn(id, after)]);
      expect(await spanIds(id, after)).toEqual(isKnown ? [1, 2] : [2]);
    }
    expect(new Set(ids.slice(20).map((id) => ownerIn(id, after))).size).toBeGreaterThan(1);
  });

  it('who has said that it does not know a trace takes it in no more, not even after a crash', async () => {
    const before = tableOf(4);
    const after = tableOf(8, before);
    const id = moving(before, after);
    const old = ownerIn(id, before);
    // It knew the former table well.
    await shard(old).drain(before);
    expect(await shard(old).claim(parseHex(id)!, after)).toEqual({ known: [false] });
    await abortAllDurableObjects();
    await send(before, { traceId: id, id: 1 });
    expect(await holders(id, 8)).toEqual([ownerIn(id, after)]);
  });

  it('who is behind is told so', async () => {
    const before = tableOf(4);
    const middle = tableOf(8, before);
    const after = tableOf(6, middle);
    const id = moving(before, middle, after);
    await shard(ownerIn(id, before)).drain(after);
    expect(await shard(ownerIn(id, before)).claim(parseHex(id)!, middle)).toEqual({ newer: after });
    await send(middle, { traceId: id, id: 1 });
    expect(await holders(id, 8)).toEqual([ownerIn(id, after)]);
  });

  it('keeping, erasing and searching find a trace wherever it is', async () => {
    const before = tableOf(4);
    const after = tableOf(8, before);
    const ids = Array.from({ length: 4 }, () => moving(before, after)) as [string, string, string, string];
    const [oldKept, newKept, oldErased, newErased] = ids;
    for (const id of [oldKept, oldErased]) await send(before, { traceId: id, id: 1 });
    for (const id of [newKept, newErased]) await send(after, { traceId: id, id: 1 });
    // Asked by one who knows only the other table.
    expect(await shard(ownerIn(oldKept, after)).keep(oldKept)).toBe(true);
    expect(await shard(ownerIn(newKept, before)).keep(newKept)).toBe(true);
    await shard(ownerIn(oldErased, after)).erase(oldErased);
    await shard(ownerIn(newErased, before)).erase(newErased);
    for (const id of [oldKept, newKept]) expect(await spanIds(id, before)).toEqual([1]);
    for (const id of [oldErased, newErased]) {
      expect(await holders(id, 8)).toEqual([]);
      await send(before, { traceId: id, id: 2, error: true });
      await send(after, { traceId: id, id: 3, error: true });
      expect(await holders(id, 8)).toEqual([]);
    }
    // What a shard answers to a search says that there is a newer table.
    const query = { startUs: 0, endUs: Number.MAX_SAFE_INTEGER, attributes: [], order: 'newest', limit: 1 } as const;
    const { table } = await shard(ownerIn(newKept, before)).search(query, 1);
    expect(table).toEqual(after);
  });

  it('a shard that an alarm has woken, of which the platform does not say the name, has its part in it', async () => {
    const before = tableOf(4);
    const after = tableOf(8, before);
    const [known, unknown] = [moving(before, after), moving(before, after)];
    const old = ownerIn(known, before);
    await send(before, { traceId: known, id: 1 });
    await abortAllDurableObjects();
    const nameless = env.TRACE_SHARD.get(env.TRACE_SHARD.idFromString(`${env.TRACE_SHARD.idFromName(`shard-${old}`)}`));
    expect((await nameless.drain(after)).isDrained).toBe(false);
    expect((await nameless.metrics()).movedTraces).toBeGreaterThan(0);
    await nameless.append(frame([{ traceId: unknown, id: 1 }]), before);
    expect(await holders(unknown, 8)).toEqual([ownerIn(unknown, after)]);
    expect(await holders(known, 8)).toEqual([old]);
  });

  it('a shard that was never told of a table refuses a sender that knows none', async () => {
    const table = { version: 0, shards: 4, former: [], highest: 4 };
    const answer = await shard(200).append(frame([{ traceId: randomTraceId(), id: 1 }]), table);
    expect(answer).toBeGreaterThan(0);
    expect((await shard(200).metrics()).refusedAppends).toBe(1);
  });
});

describe('cutting a frame by shard', () => {
  const before = tableOf(4);
  const after = tableOf(8, before);

  /** Of shard 2 in the last table; it asks others with `claim`. */
  const rerouting = (knows: boolean, claim: ShardApi['claim']) =>
    new Rerouting({
      self: 2,
      table: () => after,
      adopt: () => {},
      knows: () => knows,
      shard: (number) => ({ ...shard(number), claim }),
    });

  const frameOf = (ids: readonly string[]) =>
    joinAppendFrame(
      concatBytes(
        ids.map((id) => {
          const slice = new Uint8Array(SLICE_HEADER_BYTES);
          slice.set(parseHex(id)!);
          return slice;
        }),
      ),
    );

  it('takes no longer for each trace where there are many', { timeout: 10_000 }, async () => {
    const whole = frameOf(Array.from({ length: MAX_SPANS_PER_REQUEST }, randomTraceId));
    const { frames } = await rerouting(true, shard(0).claim).split(whole);
    expect(frames).toEqual(new Map([[2, whole]]));
  });

  it('asks with nothing but the ids', async () => {
    const asked: number[] = [];
    const claim = async (ids: Uint8Array) => {
      // A call carries all of the buffer that a view is of.
      asked.push(ids.buffer.byteLength);
      return { known: [false] };
    };
    const ids = Array.from({ length: 1_000 }, randomTraceId);
    const others = ids.filter((id) => ownerIn(id, after) !== 2);
    const moved = ids.find((id) => ownerIn(id, after) === 2 && ownerIn(id, before) !== 2)!;
    const { frames } = await rerouting(false, claim).split(frameOf([...others, moved]));
    expect(frames.get(2)).toEqual(frameOf([moved]));
    expect(asked).toEqual([16]);
  });
});

it('holds no more appends than it has room for while a former owner does not answer', async () => {
  const before = tableOf(4);
  const after = tableOf(8, before);
  // All of them belonged to one shard, and belong to another one.
  const first = moving(before, after);
  const [old, owner] = [ownerIn(first, before), ownerIn(first, after)];
  const ids: string[] = [];
  while (ids.length < 60) {
    const id = randomTraceId();
    if (ownerIn(id, before) === old && ownerIn(id, after) === owner) ids.push(id);
  }
  await shard(owner).drain(after);
  let isHeld = true;
  const held = runInDurableObject(shard(old), (_, state) =>
    state.blockConcurrencyWhile(async () => {
      while (isHeld) await scheduler.wait(10);
    }),
  );
  const name = 'a'.repeat(900_000);
  const results = ids.map((traceId) => send(after, { traceId, id: 1, name }));
  // It says so at once.
  expect(await Promise.race(results)).toEqual(expect.any(Number));
  isHeld = false;
  await held;
  const accepted = (await Promise.all(results)).filter((result) => result === true).length;
  expect(accepted).toBeGreaterThan(30);
  expect(accepted).toBeLessThan(ids.length);
});

it('a dry run shares limits out among the shards that there are, whatever the document says', async () => {
  const table = tableOf(1);
  await shard(0).append(frame(Array.from({ length: 8 }, () => ({ traceId: randomTraceId(), id: 1 }))), table);
  const would = async (shards: number) => {
    const rules = [{ type: 'rate_limit', tracesPerSecond: 8 }];
    return (await shard(0).dryRun(JSON.stringify({ shards, rules }))).would;
  };
  expect(await would(8)).toEqual(await would(1));
});

it('what waits for its commit when the table changes is looked at again', async () => {
  const before = tableOf(4);
  const after = tableOf(8, before);
  const first = moving(before, after);
  const old = ownerIn(first, before);
  let waiting = moving(before, after);
  while (ownerIn(waiting, before) !== old) waiting = moving(before, after);
  await runInDurableObject(shard(old), async (instance: TraceShard) => {
    const appends = [first, waiting].map((traceId) => instance.append(frame([{ traceId, id: 1 }]), before));
    // The first is on its way to the disk; the other one is not known yet.
    const ids = concatBytes([first, waiting].map((id) => parseHex(id)!));
    expect(await instance.claim(ids, after)).toEqual({ known: [true, false] });
    expect(await Promise.all(appends)).toEqual([true, true]);
  });
  expect(await holders(first, 8)).toEqual([old]);
  expect(await holders(waiting, 8)).toEqual([ownerIn(waiting, after)]);
});

it('holds in every order: changes one after the other, senders that are behind, crashes in between', async () => {
  const seed = pickSeed(undefined);
  const random = seededRandom(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const tables = [tableOf(4)];
  for (const shards of [8, 3, 5]) tables.push(tableOf(shards, tables.at(-1)));
  const last = tables.at(-1)!;
  const traces: { id: string; acknowledged: number[] }[] = [];
  /** Requests until each next table comes. */
  const PHASE = 60;
  let requests = 0;
  let newest = 0;

  const change = async (): Promise<void> => {
    newest++;
    // Now and then one hears of it early.
    if (random() < 0.5)
      await shard(pick(8))
        .drain(tables[newest]!)
        .catch(() => {});
    if (random() < 0.7) await abortAllDurableObjects();
  };
  const sender = async (lag: number, base: number) => {
    for (let spanNumber = base; requests < PHASE * tables.length; spanNumber++) {
      if (++requests % PHASE === 0 && newest < tables.length - 1) void change();
      const table = tables[Math.max(0, newest - pick(lag + 1))]!;
      if (traces.length === 0 || random() < 0.7) traces.push({ id: randomTraceId(), acknowledged: [] });
      // What others are sending just now, and some that are older.
      const recent = () => traces[traces.length - 1 - pick(Math.min(traces.length, 10))]!;
      const chosen = [recent(), recent(), recent(), traces[pick(traces.length)]!];
      const shares = Map.groupBy(new Set(chosen), ({ id }) => ownerIn(id, table));
      await Promise.all(
        [...shares].map(async ([owner, share]) => {
          const spans = share.map(({ id }) => ({ traceId: id, id: spanNumber, parent: 1 }));
          const answer = await shard(owner)
            .append(frame(spans), table)
            .catch(() => null);
          if (answer === true) for (const { acknowledged } of share) acknowledged.push(spanNumber);
        }),
      );
    }
  };
  await Promise.all([0, 0, 1, 1, 3, 3].map((lag, i) => sender(lag, 1 + i * 1_000)));

  let stayed = 0;
  for (const { id, acknowledged } of traces) {
    const holding = await holders(id, 8);
    expect([holding.length <= 1, `seed ${seed}`]).toEqual([true, `seed ${seed}`]);
    if (acknowledged.length === 0) continue;
    expect(holdersOf(slotOf(parseHex(id)!), last)).toContain(holding[0]);
    expect(await spanIds(id, last)).toEqual(expect.arrayContaining(acknowledged));
    if (holding[0] !== ownerIn(id, last)) stayed++;
  }
  // There were both: traces that stayed with a former owner, and traces that the last one took in.
  expect(stayed).toBeGreaterThan(0);
  expect(stayed).toBeLessThan(traces.length);
});
