/**
 * The edge as it is deployed, over bindings that fail: calls to R2, D1 and the shards' storage, before they take effect
 * or after, and shards that crash in the middle of anything. What to do is in the variable `FAULTS` and can be changed
 * while it runs.
 */

import { Buffer } from 'node:buffer';
import type { Env } from '../../../durable-objects/env.ts';
import type { Journal } from '../../../durable-objects/journal.ts';
import edge, { TraceShard as Shard } from '../../../worker/index.ts';
import type { FaultReport, Faults } from '../faults.ts';
import { seededRandom } from '../random.ts';
import { type Around, aroundCalls } from './around.ts';

export { Control, Ledger } from '../../../worker/index.ts';

interface FaultyEnv extends Env {
  readonly FAULTS: string;
}

let faults: Faults | undefined;
let random: () => number = Math.random;
/** Reads of a shard's storage, of which it makes many at a time, fail as much more seldom than the other calls. */
const READS = 100;
/** A start that fails does so in one of so many of its calls. */
const START_CALLS = 12;
let isStarting = false;
/** Calls until the start fails. */
let startFailsIn = 0;
let calls = 0;
let aborts = 0;
const failed: Record<string, number> = {};

function begin(given: Faults): void {
  faults = given;
  random = seededRandom(given.seed);
}

/** What becomes of the next call. */
function fate(what: string): 'works' | 'before' | 'after' {
  calls++;
  // Of the starts as many fail as of the calls, however many calls they make.
  if (isStarting ? --startFailsIn !== 0 : random() >= faults!.failing / (what === 'sql SELECT' ? READS : 1))
    return 'works';
  const when = random() < 0.5 ? 'before' : 'after';
  const name = `${what} ${when}`;
  failed[name] = (failed[name] ?? 0) + 1;
  return when;
}

const lost = (what: string) => new Error(`${what}: lost on purpose`);

const failingAround =
  (binding: string): Around =>
  async (call, what) => {
    const when = fate(`${binding} ${what}`);
    if (when === 'before') throw lost(what);
    const answer = await call();
    if (when === 'after') throw lost(what);
    return answer;
  };

function overFaults(env: FaultyEnv): FaultyEnv {
  return {
    ...env,
    DB: aroundCalls(env.DB, failingAround('D1')),
    BLOCKS: aroundCalls(env.BLOCKS, failingAround('R2')),
  };
}

/** Makes the storage of one object fail. The runtime wants its own object back, so it is changed in place. */
function breakStorage(state: DurableObjectState): DurableObjectState {
  const { storage } = state;
  const { sql } = storage;
  const maybeAbort = () => {
    if (isStarting || random() >= faults!.aborting) return;
    aborts++;
    state.abort('aborted on purpose');
  };
  const exec = sql.exec.bind(sql);
  sql.exec = ((query: string, ...values: unknown[]) => {
    const what = `sql ${query.trimStart().split(' ', 1)[0]}`;
    if (what !== 'sql SELECT') maybeAbort();
    const when = fate(what);
    if (when === 'before') throw lost(what);
    const cursor = exec(query, ...values);
    if (when === 'after') throw lost(what);
    return cursor;
  }) as SqlStorage['exec'];
  const sync = storage.sync.bind(storage);
  const setAlarm = storage.setAlarm.bind(storage);
  storage.sync = async () => {
    maybeAbort();
    await failingAround('storage')(sync, 'sync');
    maybeAbort();
  };
  storage.setAlarm = async (at, options) => {
    await failingAround('storage')(() => setAlarm(at, options), 'setAlarm');
  };
  return state;
}

export class TraceShard extends Shard {
  constructor(state: DurableObjectState, env: FaultyEnv) {
    if (!faults) begin(JSON.parse(env.FAULTS) as Faults);
    isStarting = true;
    startFailsIn = random() < faults!.failing ? Math.ceil(random() * START_CALLS) : 0;
    try {
      super(breakStorage(state), overFaults(env));
    } finally {
      isStarting = false;
    }
  }

  /** The rows of all minutes that are held, as they would be stored. */
  async statistics(): Promise<Uint8Array[]> {
    const { journal } = this as unknown as { journal: Journal };
    return journal.statistics.read(0, Number.POSITIVE_INFINITY).map(({ bytes }) => bytes);
  }
}

export default {
  async fetch(request, env, ctx) {
    if (!faults) begin(JSON.parse(env.FAULTS) as Faults);
    const { pathname } = new URL(request.url);
    if (pathname === '/v1/faults') {
      if (request.method === 'POST') begin(await request.json<Faults>());
      return Response.json({ calls, failed, aborts } satisfies FaultReport);
    }
    if (pathname.startsWith('/v1/statistics/')) {
      const shard = env.TRACE_SHARD.getByName(pathname.slice('/v1/statistics/'.length));
      const rows = await (shard as unknown as DurableObjectStub<TraceShard>).statistics();
      return Response.json(rows.map((row) => Buffer.from(row).toString('base64')));
    }
    return edge.fetch(request, overFaults(env), ctx);
  },
} satisfies ExportedHandler<FaultyEnv>;
