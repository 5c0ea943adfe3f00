/** A store that fails for long, through a shard's parts with time in the test's hands. */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { encodeAppend, encodeDecisions } from '../../durable-objects/records.ts';
import { Storing } from '../../durable-objects/storing.ts';
import { parseWords } from '../../durable-objects/trace-words.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { RETENTION_CLASSES } from '../../model/span.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import { frame, traceId } from '../kit/spans.ts';
import { bindings } from '../store/bindings.ts';
import { wrapBindings } from '../store/wrapped-bindings.ts';

const START_MS = 1_790_000_000_000;
const OUTAGE_MS = 600_000;

it('tries one block, ever later, while the store is away, and stores all of them once it is back', () =>
  runInDurableObject(env.TRACE_SHARD.getByName('outage'), async (_, { storage: { sql } }) => {
    let nowMs = START_MS;
    let isAway = true;
    let writes = 0;
    let statistics = 0;
    const random = seededRandom(pickSeed(process.env.SEED));
    const store = createD1R2Store(
      wrapBindings(bindings, (call) => (isAway ? Promise.reject(new Error('away')) : call())),
    );
    const journal = new Journal({
      sql,
      nowMs,
      seed: 7,
      maxBytes: () => 2 ** 31,
      meter: new CostMeter(() => nowMs),
      atomically: (work) => work(),
      seen: () => false,
      appended: () => {},
    });
    const storing = new Storing({
      journal,
      store: {
        ...store,
        write: (key, parts) => {
          writes++;
          return store.write(key, parts);
        },
        writeStatistics: (rows) => {
          statistics++;
          return store.writeStatistics(rows);
        },
      },
      shardName: 'outage',
      sync: async () => {},
      now: () => nowMs,
      random,
      blockMs: () => 0,
    });
    // A block for each class.
    const ids = RETENTION_CLASSES.map((_, n) => traceId(500 + n));
    for (const [n, retention] of RETENTION_CLASSES.entries()) {
      const { slices } = splitAppendFrame(frame([{ traceId: ids[n]!, id: 1 }]));
      const decision = { keep: true, rate: 1, reason: 'always', policy: 'all', configVersion: 1, retention } as const;
      const record = { id: parseWords(ids[n]!), decision: { ...decision, decidedUs: nowMs * 1000 }, notes: 0 };
      journal.write([encodeAppend(nowMs, slices)], nowMs);
      journal.write([encodeDecisions([{ ...record, revision: nowMs }])], nowMs);
    }

    for (let tries = 1; nowMs < START_MS + OUTAGE_MS; tries++) {
      await storing.run(nowMs);
      expect(writes, 'one block').toBe(tries);
      expect(storing.failures).toBe(tries);
      expect(storing.isOpen).toBe(tries >= 3);
      const waitMs = storing.dueMs()! - nowMs;
      const mostMs = Math.min(60_000, 1_000 * 2 ** tries);
      expect(waitMs).toBeGreaterThanOrEqual(mostMs / 2);
      expect(waitMs).toBeLessThan(mostMs);
      nowMs = Math.ceil(storing.dueMs()!) - 1;
      await storing.run(nowMs);
      expect(writes, 'nothing before its time').toBe(tries);
      nowMs++;
    }
    expect(writes).toBeLessThan(26);
    expect(statistics).toBe(0);

    isAway = false;
    const failed = writes;
    await storing.run(nowMs);
    expect(writes - failed).toBe(RETENTION_CLASSES.length);
    expect(statistics).toBe(1);
    expect([storing.failures, storing.isOpen]).toEqual([0, false]);
    expect(journal.live.outbox.size).toBe(0);
    for (const [n, retention] of RETENTION_CLASSES.entries()) {
      expect((await store.get(ids[n]!))?.summary.decision).toMatchObject({ retention });
    }
  }));
