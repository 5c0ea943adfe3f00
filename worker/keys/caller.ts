/** Who sends a request, once that is known. */

import type { Key, KeyClass } from '../../durable-objects/keys.ts';

export interface Caller {
  /** As it goes on record: id of a key, name of the secret that is one, or the email that Cloudflare Access vouches for. */
  readonly who: string;
  readonly class: KeyClass;
  /** null where it is none of those that were made: it has no limits of its own. */
  readonly key: Key | null;
}

declare module 'hono' {
  interface ContextVariableMap {
    /** Set where a key was asked for. */
    caller: Caller;
  }
}
