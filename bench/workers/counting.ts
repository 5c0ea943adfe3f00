/** The edge as it is deployed, over bindings that count what is billed. `GET /v1/counts` tells. */

import type { Env } from '../../durable-objects/env.ts';
import { type Around, aroundCalls } from '../../test/kit/workers/around.ts';
import edge, { Ledger as RealLedger, TraceShard as RealShard } from '../../worker/index.ts';

export { Control } from '../../worker/index.ts';

const counts: Record<string, number> = {};

function add(name: string, count = 1): void {
  counts[name] = (counts[name] ?? 0) + count;
}

interface D1Answer {
  readonly meta?: { readonly rows_read: number; readonly rows_written: number };
}

const countD1: Around = async (call) => {
  const answer = await call();
  for (const { meta } of Array.isArray(answer)
    ? (answer as D1Answer[])
    : [answer as D1Answer | null].map((one) => one ?? {})) {
    add('d1RowsRead', meta?.rows_read ?? 1);
    add('d1RowsWritten', meta?.rows_written ?? 0);
  }
  return answer;
};

const countR2: Around = (call, what) => {
  add(what === 'put' || what === 'list' ? 'r2Writes' : what === 'delete' ? 'r2Free' : 'r2Reads');
  return call();
};

function counted<T extends Env>(env: T): T {
  const wrapped = { ...env } as unknown as Record<string, unknown>;
  for (const [name, binding] of Object.entries(wrapped)) {
    if (name.startsWith('DB')) wrapped[name] = aroundCalls(binding as object, countD1);
    if (name === 'BLOCKS') wrapped[name] = aroundCalls(binding as object, countR2);
  }
  return wrapped as unknown as T;
}

/** Counts rows when a cursor is as good as used up: at the end of the event. */
let cursors: { readonly rowsRead: number; readonly rowsWritten: number }[] = [];

function settle(): void {
  for (const { rowsRead, rowsWritten } of cursors) {
    add('doRowsRead', rowsRead);
    add('doRowsWritten', rowsWritten);
  }
  cursors = [];
}

function countStorage(state: DurableObjectState): DurableObjectState {
  const { storage } = state;
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  sql.exec = ((query: string, ...values: unknown[]) => {
    const cursor = exec(query, ...values);
    cursors.push(cursor);
    return cursor;
  }) as SqlStorage['exec'];
  const setAlarm = storage.setAlarm.bind(storage);
  storage.setAlarm = (at, options) => {
    add('alarmsSet');
    return setAlarm(at, options);
  };
  return state;
}

/** Counts an event of an object, and for how long it had any: what overlaps is billed once. */
class Busy {
  private events = 0;
  private since = 0;

  async during<T>(kind: string, work: () => Promise<T>): Promise<T> {
    add(kind);
    if (this.events++ === 0) this.since = performance.now();
    try {
      return await work();
    } finally {
      if (--this.events === 0) add('busyMs', performance.now() - this.since);
      settle();
    }
  }
}

export class TraceShard extends RealShard {
  private readonly busy = new Busy();

  constructor(state: DurableObjectState, env: Env) {
    super(countStorage(state), counted(env));
  }

  override append(...args: Parameters<RealShard['append']>) {
    return this.busy.during('shardRequests', () => super.append(...args));
  }

  override alarm() {
    return this.busy.during('alarms', () => super.alarm());
  }
}

export class Ledger extends RealLedger {
  private readonly busy = new Busy();

  constructor(state: DurableObjectState, env: unknown) {
    super(countStorage(state), env);
  }

  override add(deltas: Parameters<RealLedger['add']>[0]) {
    return this.busy.during('ledgerRequests', () => super.add(deltas));
  }
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/v1/counts') return Response.json(counts);
    add('workerRequests');
    return edge.fetch(request, counted(env), ctx);
  },
} satisfies ExportedHandler<Env>;
