/** Service bindings whose `fetch` records a client span. */

import { traceFetch } from './outgoing.ts';

const tracedEnvironments = new WeakSet<object>();

/**
 * Gives every service binding of `env` a `fetch` of its own, which is the runtime's inside a client span. The binding
 * stays the object it was (a proxy could not be passed on by RPC), so its RPC methods and sockets are not touched, and
 * one that came from `import { env } from 'cloudflare:workers'` is traced as well.
 */
export function traceBindings(env: unknown): void {
  if (typeof env !== 'object' || env === null || tracedEnvironments.has(env)) return;
  tracedEnvironments.add(env);
  for (const [name, binding] of Object.entries(env)) {
    if (!isFetcher(binding) || Object.hasOwn(binding, 'fetch')) continue;
    const fetch = binding.fetch.bind(binding);
    const value = (input: RequestInfo | URL, init?: RequestInit) => traceFetch(fetch, name, input, init);
    // What refuses to be changed stays untraced.
    Reflect.defineProperty(binding, 'fetch', { value, configurable: true, writable: true });
  }
}

function isFetcher(value: unknown): value is Fetcher {
  return Object.prototype.toString.call(value) === '[object Fetcher]';
}
