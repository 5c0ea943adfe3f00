/** Isolates of the edge that share its objects. */

import { createExecutionContext } from 'cloudflare:test';
import { vi } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';

export type Fetch = (request: Request, env: Env) => Promise<Response>;

/**
 * A further instance of the Worker's modules: it knows only what it asks for. To be called before there is an object, which ends when
 * the modules change.
 */
export async function startIsolate(): Promise<Fetch> {
  vi.resetModules();
  const { default: worker } = await import('../../worker/index.ts');
  return async (request, bindings) => worker.fetch(request as never, bindings, createExecutionContext());
}
