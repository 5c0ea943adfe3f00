/**
 * The edge as it is deployed, over bindings, stubs and storage that count by themselves what is billed. `GET /v1/counts`
 * tells, in the words of `model/costs.ts`.
 */

import type { Env } from '../../../durable-objects/env.ts';
import { type CostItem, emptyCosts } from '../../../model/costs.ts';
import edge, { Control as RealControl, Ledger as RealLedger, TraceShard as RealShard } from '../../../worker/index.ts';
import { type Around, aroundCalls } from './around.ts';

const counts = emptyCosts();

function add(item: CostItem, count = 1): void {
  counts[item] += count;
}

const countD1: Around = async (call) => {
  const answer = await call();
  for (const { meta } of (Array.isArray(answer) ? answer : [answer]) as D1Result[]) {
    add('d1_rows_read', meta.rows_read);
    add('d1_rows_written', meta.rows_written);
  }
  return answer;
};

const countR2: Around = (call, what) => {
  add(what === 'put' || what === 'list' ? 'r2_class_a' : what === 'delete' ? 'r2_free' : 'r2_class_b');
  return call();
};

/** Counts each call of an object where it is made. */
function countCalls<T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>) {
  return {
    getByName: (name: string) =>
      new Proxy(namespace.getByName(name), {
        get(stub, method) {
          return (...args: unknown[]) => {
            add('object_calls');
            return (stub as unknown as Record<PropertyKey, (...args: unknown[]) => unknown>)[method]!(...args);
          };
        },
      }),
  } as unknown as DurableObjectNamespace<T>;
}

function counted(env: Env): Env {
  return {
    ...env,
    DB: aroundCalls(env.DB, countD1),
    BLOCKS: aroundCalls(env.BLOCKS, countR2),
    TRACE_SHARD: countCalls(env.TRACE_SHARD),
    LEDGER: countCalls(env.LEDGER),
    CONTROL: countCalls(env.CONTROL),
  };
}

/** Nothing here reads a cursor across an `await`: a microtask later it says all that it cost. */
function countStorage(state: DurableObjectState): DurableObjectState {
  const { storage } = state;
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  sql.exec = ((query: string, ...values: unknown[]) => {
    const cursor = exec(query, ...values);
    queueMicrotask(() => {
      add('object_rows_read', cursor.rowsRead);
      add('object_rows_written', cursor.rowsWritten);
    });
    return cursor;
  }) as SqlStorage['exec'];
  const setAlarm = storage.setAlarm.bind(storage);
  storage.setAlarm = (at, options) => {
    add('object_alarms_set');
    return setAlarm(at, options);
  };
  return state;
}

export class TraceShard extends RealShard {
  constructor(state: DurableObjectState, env: Env) {
    super(countStorage(state), counted(env));
  }

  override async alarm() {
    add('object_alarms');
    const beganMs = performance.now();
    await super.alarm();
    add('object_seconds', (performance.now() - beganMs) / 1000);
  }
}

export class Ledger extends RealLedger {
  constructor(state: DurableObjectState, env: unknown) {
    super(countStorage(state), env);
  }
}

export class Control extends RealControl {
  constructor(state: DurableObjectState, env: Env) {
    super(countStorage(state), env);
  }
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/v1/counts') return Response.json(counts);
    add('worker_requests');
    return edge.fetch(request, counted(env), ctx);
  },
} satisfies ExportedHandler<Env>;
