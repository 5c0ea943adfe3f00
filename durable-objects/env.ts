import type { Control } from './control.ts';
import type { Ledger } from './ledger.ts';
import type { TraceShard } from './trace-shard.ts';

/** Bindings and variables of the edge (`wrangler.toml`). */
export interface Env {
  readonly TRACE_SHARD: DurableObjectNamespace<TraceShard>;
  readonly LEDGER: DurableObjectNamespace<Ledger>;
  readonly CONTROL: DurableObjectNamespace<Control>;
  readonly DB: D1Database;
  readonly BLOCKS: R2Bucket;
  readonly ASSETS: Fetcher;
  /** JSON document, see `durable-objects/config.ts`. */
  readonly TAILRACE_CONFIG?: string;
  /** Secrets that are keys of themselves, the first a service's. Without any key at all, a deployment answers 503 to everything but `/health`. */
  readonly TAILRACE_INGEST_KEY?: string;
  readonly TAILRACE_READ_KEY?: string;
  readonly TAILRACE_ADMIN_KEY?: string;
  /** Cloudflare Access: `https://TEAM.cloudflareaccess.com` and the application's audience; who it lets in may read. */
  readonly TAILRACE_ACCESS_TEAM?: string;
  readonly TAILRACE_ACCESS_AUD?: string;
  /** Who of them is an admin: emails, and groups as `group:NAME`, joined by commas. */
  readonly TAILRACE_ACCESS_ADMINS?: string;
  /** Secret. Without it values that are to be hashed are masked. */
  readonly TAILRACE_HASH_KEY?: string;
  /** `1` turns key checking off; only the local start sets it. */
  readonly TAILRACE_OPEN?: string;
}
