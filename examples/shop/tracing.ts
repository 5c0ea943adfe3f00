/** Where the shop's Workers send their spans. */

import type { EdgeOptions } from '../../client/edge/index.ts';

/** What wrangler.toml gives each of them. */
export interface TracingEnv {
  /** The edge, when it is on the same account; otherwise `TAILRACE_ENDPOINT` is its address. */
  readonly TAILRACE?: Fetcher;
  readonly TAILRACE_ENDPOINT?: string;
  /** An ingest key; a local edge asks for none. */
  readonly TAILRACE_KEY?: string;
}

export function tracing(serviceName: string, env: TracingEnv): EdgeOptions {
  return { serviceName, exporter: env.TAILRACE, endpoint: env.TAILRACE_ENDPOINT, key: env.TAILRACE_KEY };
}
