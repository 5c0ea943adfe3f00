/**
 * Who did what and when: a ring of rows, so that a record costs one row written, and the oldest give way without a row deleted
 * (docs/adr/0042).
 */

export const AUDIT_ACTIONS = [
  'config.put',
  'config.delete',
  'key.create',
  'key.rotate',
  'key.revoke',
  'trace.read',
  'trace.export',
  'trace.keep',
  'trace.erase',
  'trace.hold',
  'trace.release',
  'store.expire',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export interface AuditEntry {
  /** Id of a key, name of the secret that is one, or the email that Cloudflare Access vouches for. */
  readonly who: string;
  readonly action: AuditAction;
  /** What it was done to: id of a trace or key, version of a configuration, range of an export. */
  readonly subject: string;
}

export interface AuditRecord extends AuditEntry {
  /** Grows by one with every record. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** About 20 MB. */
const MAX_AUDIT_ROWS = 100_000;
const MAX_AUDIT_TEXT_CHARS = 256;

type Row = { number: number; at_ms: number; who: string; action: AuditAction; subject: string };

export class AuditLog {
  private readonly sql: SqlStorage;
  private readonly capacity: number;
  /** Number of the newest record; 0 where there is none. */
  private newest: number;

  constructor(sql: SqlStorage, capacity = MAX_AUDIT_ROWS) {
    this.sql = sql;
    this.capacity = capacity;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS audit (slot INTEGER PRIMARY KEY, number INTEGER NOT NULL, at_ms REAL NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL) STRICT',
    );
    this.newest = sql.exec<{ newest: number }>('SELECT COALESCE(MAX(number), 0) AS newest FROM audit').one().newest;
  }

  note({ who, action, subject }: AuditEntry, nowMs: number): void {
    const number = ++this.newest;
    this.sql.exec(
      'INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (slot) DO UPDATE SET number = excluded.number, at_ms = excluded.at_ms, who = excluded.who, action = excluded.action, subject = excluded.subject',
      number % this.capacity,
      number,
      nowMs,
      who.slice(0, MAX_AUDIT_TEXT_CHARS),
      action,
      subject.slice(0, MAX_AUDIT_TEXT_CHARS),
    );
  }

  /** The newest first, at most `limit` of those before record `before`, or of all. */
  read(before: number | null, limit: number): AuditRecord[] {
    const last = Math.min(this.newest, (before ?? Number.POSITIVE_INFINITY) - 1);
    const first = Math.max(1, this.newest - this.capacity + 1, last - limit + 1);
    const records: AuditRecord[] = [];
    for (let number = last; number >= first; number--) {
      const [row] = this.sql.exec<Row>('SELECT * FROM audit WHERE slot = ?', number % this.capacity).toArray();
      if (row?.number === number) {
        const { at_ms: atMs, who, action, subject } = row;
        records.push({ number, atMs, who, action, subject });
      }
    }
    return records;
  }
}
