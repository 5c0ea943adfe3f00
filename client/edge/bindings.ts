/** Service bindings whose `fetch` records a client span. */

import { traceFetch } from './outgoing.ts';

const tracedEnvironments = new WeakMap<object, object>();

/** `env` with its service bindings traced; every other binding is handed out as it is. */
export function traceBindings<Env>(env: Env): Env {
  if (typeof env !== 'object' || env === null) return env;
  const known = tracedEnvironments.get(env);
  if (known) return known as Env;
  const tracedBindings = new WeakMap<object, object>();
  const traced = new Proxy(env as object, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof name !== 'string' || !isFetcher(value) || isFixed(target, name)) return value;
      const binding = tracedBindings.get(value) ?? traceBinding(value, name);
      tracedBindings.set(value, binding);
      return binding;
    },
  });
  tracedEnvironments.set(env, traced);
  return traced as Env;
}

function traceBinding(binding: Fetcher, name: string): Fetcher {
  const fetch = binding.fetch.bind(binding);
  const traced = (input: RequestInfo | URL, init?: RequestInit) => traceFetch(fetch, name, input, init);
  return new Proxy(binding, {
    get(target, key) {
      if (key === 'fetch') return traced;
      const value = Reflect.get(target, key) as unknown;
      // Methods of the runtime's class insist on their own `this`. RPC methods do not, and must not be touched:
      // any property of theirs, `bind` too, is a call to the other Worker.
      return typeof value === 'function' && key in Object.getPrototypeOf(target) ? value.bind(target) : value;
    },
  });
}

function isFetcher(value: unknown): value is Fetcher {
  return Object.prototype.toString.call(value) === '[object Fetcher]';
}

/** A proxy must give out the very value of a property that can never change. */
function isFixed(target: object, name: string): boolean {
  const property = Reflect.getOwnPropertyDescriptor(target, name);
  return property !== undefined && !property.configurable && !property.writable;
}
