/** Finds the key that a secret opens. */

import type { Key, KeyList } from '../../durable-objects/keys.ts';
import { formatHex, parseHex } from '../../model/ids.ts';

interface Entry {
  readonly digest: Uint8Array;
  readonly key: Key;
  /** When this secret of the key ends; null: with the key. */
  readonly untilMs: number | null;
}

export type FoundKey = { readonly key: Key; readonly fault: null | 'expired' | 'revoked' | 'rotated' };

export class KeyRing {
  readonly list: KeyList;
  /** By the first digits of the digest: what is compared then is compared in constant time. */
  private readonly entries = new Map<string, Entry[]>();

  constructor(list: KeyList) {
    this.list = list;
    for (const key of list.keys) {
      this.add(key.hash, key, null);
      if (key.previous) this.add(key.previous.hash, key, key.previous.untilMs);
    }
  }

  /** By the digest of a secret. */
  find(digest: Uint8Array, nowMs: number): FoundKey | null {
    const entry = this.entries
      .get(formatHex(digest, 0, 4))
      ?.find((entry) => crypto.subtle.timingSafeEqual(entry.digest, digest));
    if (!entry) return null;
    const { key, untilMs } = entry;
    if (key.revokedMs !== null) return { key, fault: 'revoked' };
    if (key.expiresMs !== null && key.expiresMs <= nowMs) return { key, fault: 'expired' };
    return { key, fault: untilMs !== null && untilMs <= nowMs ? 'rotated' : null };
  }

  private add(hash: string, key: Key, untilMs: number | null): void {
    const start = hash.slice(0, 8);
    const entries = this.entries.get(start) ?? [];
    entries.push({ digest: parseHex(hash)!, key, untilMs });
    this.entries.set(start, entries);
  }
}
