/**
 * How many queries of one key are answered at the same time, and how long each may take. An isolate knows of its own alone, and a
 * deployment has as many isolates as it needs: it is a bound on what one of them does, not on what a key may ask in all.
 */

import type { Context, MiddlewareHandler } from 'hono';
import { HttpError } from '../errors.ts';

export interface QueryLimits {
  readonly perKey: number;
  readonly queryMs: number;
  /** Of a stream, which is answered as it goes on. */
  readonly streamMs: number;
}

export const QUERY_LIMITS: QueryLimits = { perKey: 128, queryMs: 15_000, streamMs: 60_000 };

/** What asks shards or store for what spans say, whoever's API it is. */
export const QUERY_PATHS = [
  '/api/traces/*',
  '/api/services/*',
  '/api/operations',
  '/api/dependencies/*',
  '/api/compare',
  '/metrics/red',
  '/jaeger/*',
  '/zipkin/*',
  '/tempo/*',
];

declare module 'hono' {
  interface ContextVariableMap {
    query: RunningQuery;
  }
}

/** What a query takes of its key's limit, until it is given back; of one that never is, because its client left, until it is late. */
export class RunningQuery {
  private readonly others: Set<RunningQuery>;
  private readonly limits: QueryLimits;
  private untilMs: number;
  private isStream = false;

  constructor(others: Set<RunningQuery>, limits: QueryLimits, nowMs: number) {
    this.others = others;
    this.limits = limits;
    this.untilMs = nowMs + limits.queryMs;
    others.add(this);
  }

  isLate(nowMs: number): boolean {
    return nowMs >= this.untilMs;
  }

  /** It goes on behind its response's head, until `release`. */
  goOn(nowMs: number): void {
    this.isStream = true;
    this.untilMs = nowMs + this.limits.streamMs;
  }

  /** The response's head is there. */
  answered(): void {
    if (!this.isStream) this.release();
  }

  release(): void {
    this.others.delete(this);
  }
}

/** Of what is read; to be used behind what asks for a key. Answers 429 beyond the limit, and 504 when it takes too long. */
export function limitQueries(now: () => number, limits: QueryLimits = QUERY_LIMITS): MiddlewareHandler {
  const byKey = new Map<string, Set<RunningQuery>>();
  return async function limitQueries(c: Context, next: () => Promise<void>) {
    if (c.req.method !== 'GET') return next();
    const { who } = c.var.caller;
    const running = byKey.get(who) ?? new Set();
    byKey.set(who, running);
    for (const query of running) if (query.isLate(now())) query.release();
    if (running.size >= limits.perKey) {
      const message = `${limits.perKey} queries of this key are being answered: send fewer at the same time`;
      throw new HttpError(429, 'too_many_queries', message, 1);
    }
    const query = new RunningQuery(running, limits, now());
    c.set('query', query);
    try {
      await within(limits.queryMs, next());
    } finally {
      query.answered();
      if (running.size === 0) byKey.delete(who);
    }
  };
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `the answer takes more than ${ms / 1000} s: ask for a shorter range, or for less at a time`;
    timer = setTimeout(() => reject(new HttpError(504, 'timeout', message)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
