import type { Env as EdgeEnv } from '../../durable-objects/env.ts';
import type * as worker from '../../worker/index.ts';

declare global {
  interface ImportMeta {
    /** Vite's: the text of files. */
    glob(
      pattern: string | readonly string[],
      options: { query: '?raw'; import: 'default'; eager: true },
    ): Record<string, string>;
  }
  namespace Cloudflare {
    // What `env` and `exports` from cloudflare:workers hold in tests: the edge's own bindings and its handler.
    interface Env extends EdgeEnv {}
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
