/**
 * The edge as it is deployed, over bindings that fail: calls to R2, D1 and the shards' storage, before, while and after
 * they take effect, and shards that crash in the middle of anything. What to do is in the variable `FAULTS` and can be
 * changed while it runs.
 */

import { Buffer } from 'node:buffer';
import type { Env } from '../../../durable-objects/env.ts';
import type { Journal } from '../../../durable-objects/journal.ts';
import edge, { TraceShard as Shard } from '../../../worker/index.ts';
import type { FaultKind, FaultReport, Faults, FaultTime } from '../faults.ts';
import { seededRandom } from '../random.ts';
import { type Around, aroundCalls } from './around.ts';

export { Control, Ledger } from '../../../worker/index.ts';

interface FaultyEnv extends Env {
  readonly FAULTS: string;
}

let faults: Faults | undefined;
let random: () => number = Math.random;
const TIMES = ['before', 'during', 'after'] as const;
/** Of what is done at once: a statement, or a read. */
const TIMES_AT_ONCE = ['before', 'after'] as const;
/** Of a run of reads that fails, it is one of the first so many; of a shorter one the next run's. */
const FAILING_READS = 12;
let isStarting = false;
/** Within a run of reads. */
let isReading = false;
/** Reads until one fails; 0 for none. */
let readsLeft = 0;
let aborts = 0;
const calls: Record<FaultKind, number> = { R2: 0, D1: 0, storage: 0, reads: 0 };
const failed: Record<string, number> = {};

function begin(given: Faults): void {
  faults = given;
  random = seededRandom(given.seed);
  readsLeft = 0;
}

/** When the next call fails; null when it works. */
function fate(kind: FaultKind, what: string, times: readonly FaultTime[] = TIMES): FaultTime | null {
  calls[kind]++;
  return random() < faults!.failing ? note(kind, what, times) : null;
}

function fateOfRead(): FaultTime | null {
  if (!isReading) {
    isReading = true;
    queueMicrotask(() => {
      isReading = false;
    });
    calls.reads++;
    if (readsLeft === 0 && random() < faults!.failing) readsLeft = Math.ceil(random() * FAILING_READS);
  }
  if (readsLeft === 0 || --readsLeft > 0) return null;
  return note('reads', 'SELECT', TIMES_AT_ONCE);
}

function note(kind: FaultKind, what: string, times: readonly FaultTime[]): FaultTime {
  const when = times[Math.floor(random() * times.length)]!;
  const name = `${kind} ${what} ${when}`;
  failed[name] = (failed[name] ?? 0) + 1;
  return when;
}

const lost = (what: string) => new Error(`${what}: lost on purpose`);

const failingAround =
  (kind: FaultKind): Around =>
  async (call, what) => {
    const when = fate(kind, what);
    if (when === 'before') throw lost(what);
    const answer = call();
    if (when === 'during') {
      answer.catch(() => {});
      throw lost(what);
    }
    await answer;
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
    const what = query.trimStart().split(' ', 1)[0]!;
    if (what !== 'SELECT') maybeAbort();
    const when = what === 'SELECT' ? fateOfRead() : fate('storage', what, TIMES_AT_ONCE);
    if (when === 'before') throw lost(what);
    const cursor = exec(query, ...values);
    if (when !== null) throw lost(what);
    return cursor;
  }) as SqlStorage['exec'];
  const transactionSync = storage.transactionSync.bind(storage);
  storage.transactionSync = (work) => {
    const when = fate('storage', 'transaction');
    if (when === 'before') throw lost('transaction');
    const result = transactionSync(() => {
      const done = work();
      if (when === 'during') throw lost('transaction');
      return done;
    });
    if (when === 'after') throw lost('transaction');
    return result;
  };
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
    // Of one that was aborted nothing runs any more.
    isReading = false;
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
