import type { Env as EdgeEnv } from '../../durable-objects/env.ts';
import type * as worker from '../../worker/index.ts';

declare global {
  namespace Cloudflare {
    // What `env` and `exports` from cloudflare:workers hold in tests: the edge's own bindings and its handler.
    interface Env extends EdgeEnv {}
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
