import type { Env } from '../../durable-objects/env.ts';

declare global {
  namespace Cloudflare {
    // What `env` from cloudflare:workers holds in tests: the edge's own bindings.
    interface Env extends EdgeEnv {}
  }
}
type EdgeEnv = Env;
