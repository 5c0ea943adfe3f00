/** The keys that were made: who may come in, as what, from where, and with how much. Of a secret only the hash is here. */

export const KEY_CLASSES = ['page', 'service', 'read', 'admin'] as const;
/** `page`: public, bound to origins. `service`: sends what a page cannot stand in for. `read`, `admin`: the API. */
export type KeyClass = (typeof KEY_CLASSES)[number];

export interface Key {
  readonly id: string;
  readonly name: string;
  readonly class: KeyClass;
  /** Those of the pages that may use it; empty unless it is a page's. */
  readonly origins: readonly string[];
  /** Spans that all isolates together take in under it; null: no limit of its own. A day is one of UTC. */
  readonly spansPerSecond: number | null;
  readonly spansPerDay: number | null;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
  /** SHA-256 of the secret, 64 hex digits. */
  readonly hash: string;
  /** The secret before the last rotation, and until when it still opens. */
  readonly previous: { readonly hash: string; readonly untilMs: number } | null;
}

export interface KeyList {
  /** Grows with every change. */
  readonly version: number;
  readonly keys: readonly Key[];
}

/** Revoked ones included, which give way to new ones. */
export const MAX_KEYS = 1_000;

export class KeyTable {
  private readonly sql: SqlStorage;
  private readonly keys = new Map<string, Key>();
  private version = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, version INTEGER NOT NULL, json TEXT NOT NULL) STRICT, WITHOUT ROWID',
    );
    for (const { version, json } of sql.exec<{ version: number; json: string }>('SELECT version, json FROM keys')) {
      const key = JSON.parse(json) as Key;
      this.keys.set(key.id, key);
      this.version = Math.max(this.version, version);
    }
  }

  get list(): KeyList {
    return { version: this.version, keys: [...this.keys.values()] };
  }

  get(id: string): Key | null {
    return this.keys.get(id) ?? null;
  }

  /** False where there are as many as there may be, and none of them is out of use. */
  add(key: Key): boolean {
    if (this.keys.size >= MAX_KEYS && !this.forgetOne(key.createdMs)) return false;
    this.set(key);
    return true;
  }

  set(key: Key): void {
    this.sql.exec(
      'INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version, json = excluded.json',
      key.id,
      ++this.version,
      JSON.stringify(key),
    );
    this.keys.set(key.id, key);
  }

  /** Forgets the key that has been revoked or expired the longest. */
  private forgetOne(nowMs: number): boolean {
    const endedMs = ({ revokedMs, expiresMs }: Key) => Math.min(revokedMs ?? nowMs, expiresMs ?? nowMs);
    const [oldest] = [...this.keys.values()].sort((a, b) => endedMs(a) - endedMs(b));
    if (!oldest || endedMs(oldest) >= nowMs) return false;
    this.sql.exec('DELETE FROM keys WHERE id = ?', oldest.id);
    return this.keys.delete(oldest.id);
  }
}
