/**
 * The one object that holds the configuration - the document that is in force, the one before it, and when each came - the keys,
 * the record of who did what, and the table of shards. When a configuration asks for another number of shards, it makes a new table, and takes the former ones
 * off it once no shard holds anything that came under them.
 */

import { DurableObject } from 'cloudflare:workers';
import type { Costs } from '../model/costs.ts';
import { MAX_FORMER_TABLES, shardsInUse } from '../model/routing.ts';
import { type AuditEntry, AuditLog, type AuditRecord } from './audit.ts';
import { resolveConfig } from './config-source.ts';
import { CostMeter, meterEvents } from './cost-meter.ts';
import type { Env } from './env.ts';
import { type Key, type KeyList, KeyTable } from './keys.ts';
import { KnownTable } from './known-table.ts';
import type { ConfigDocument, ConfigHistory, ControlApi, ControlState, PutResult } from './protocol.ts';

type Row = { version: number; text: string | null; changed_ms: number };

/** The shards are asked this often whether they are drained. */
const DRAIN_INTERVAL_MS = 10_000;

export class Control extends DurableObject<Env> implements ControlApi {
  readonly meter = new CostMeter(() => performance.now());
  private readonly known: KnownTable;
  private readonly keyTable: KeyTable;
  private readonly auditLog: AuditLog;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.meter.watch(state.storage);
    state.storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS documents (version INTEGER PRIMARY KEY, text TEXT, changed_ms REAL NOT NULL) STRICT',
    );
    this.known = new KnownTable(state.storage.sql);
    this.keyTable = new KeyTable(state.storage.sql);
    this.auditLog = new AuditLog(state.storage.sql);
    // The variable may have changed with a deployment.
    this.changeTable();
    if (this.isDraining) this.armAlarm(0);
  }

  async current(keysVersion: number | null): Promise<ControlState> {
    const { list } = this.keyTable;
    const keys = keysVersion === null || keysVersion === list.version ? null : list;
    return { document: this.read()[0] ?? null, table: this.known.table, keys };
  }

  async history(): Promise<ConfigHistory> {
    const [current = null, previous = null] = this.read();
    return { current, previous, table: this.known.table };
  }

  async put(text: string | null, variableVersion: number, expected: number | null, who: string): Promise<PutResult> {
    const [before, older] = this.read();
    const version = before?.version ?? variableVersion;
    if (expected !== null && expected !== version) return { accepted: false, version };
    const document = { version: Math.max(version, variableVersion) + 1, text, changedMs: Date.now() };
    const { sql } = this.ctx.storage;
    sql.exec('INSERT INTO documents VALUES (?, ?, ?)', document.version, document.text, document.changedMs);
    if (older) sql.exec('DELETE FROM documents WHERE version <= ?', older.version);
    this.changeTable();
    const action = text === null ? 'config.delete' : 'config.put';
    this.auditLog.note({ who, action, subject: String(document.version) }, document.changedMs);
    return { accepted: true, document, table: this.known.table };
  }

  async keys(): Promise<KeyList> {
    return this.keyTable.list;
  }

  async addKey(key: Key, who: string): Promise<boolean> {
    if (!this.keyTable.add(key)) return false;
    this.auditLog.note({ who, action: 'key.create', subject: key.id }, Date.now());
    return true;
  }

  async rotateKey(id: string, hash: string, graceMs: number, who: string): Promise<Key | null> {
    const key = this.keyTable.get(id);
    if (!key || key.revokedMs !== null) return null;
    const nowMs = Date.now();
    const rotated = { ...key, hash, previous: { hash: key.hash, untilMs: nowMs + graceMs } };
    this.keyTable.set(rotated);
    this.auditLog.note({ who, action: 'key.rotate', subject: id }, nowMs);
    return rotated;
  }

  async revokeKey(id: string, who: string): Promise<boolean> {
    const key = this.keyTable.get(id);
    if (!key) return false;
    if (key.revokedMs !== null) return true;
    const nowMs = Date.now();
    this.keyTable.set({ ...key, revokedMs: nowMs });
    this.auditLog.note({ who, action: 'key.revoke', subject: id }, nowMs);
    return true;
  }

  async note(entry: AuditEntry): Promise<void> {
    this.auditLog.note(entry, Date.now());
  }

  async audit(before: number | null, limit: number): Promise<AuditRecord[]> {
    return this.auditLog.read(before, limit);
  }

  /** Tells the shards of the table, and asks whether they are drained. */
  override async alarm(): Promise<void> {
    const { table } = this.known;
    if (!table || !this.isDraining) return;
    const shards = Array.from({ length: shardsInUse(table) }, (_, i) => this.env.TRACE_SHARD.getByName(`shard-${i}`));
    try {
      const drained = await Promise.all(shards.map((shard) => shard.drain(table)));
      if (drained.every(({ isDrained }) => isDrained)) {
        // As long as shards were asked for what came before, they heard of these; now they have to know themselves.
        const erased = drained.flatMap((answer) => answer.erased);
        if (erased.length > 0) await Promise.all(shards.map((shard) => shard.takeErased(erased)));
        const { version, shards: count, highest } = table;
        // Another may have been made meanwhile.
        if (this.known.table === table) {
          this.known.set({ version: version + 1, shards: count, former: [], highest });
          this.changeTable();
        }
      }
    } catch (error) {
      console.error(`the shards are asked again whether they are drained: ${(error as Error).message}`);
    }
    // One that was made meanwhile is told at once.
    if (this.isDraining) this.armAlarm(this.known.table === table ? DRAIN_INTERVAL_MS : 0);
  }

  private get isDraining(): boolean {
    return (this.known.table?.former.length ?? 0) > 0;
  }

  /** Makes a new table where the configuration wants one, unless too many are draining: then when those are drained. */
  private changeTable(): void {
    const shards = this.wantedShards();
    const { table } = this.known;
    if (shards === null || table?.shards === shards) return;
    if (!table) this.known.set({ version: 1, shards, former: [], highest: shards });
    else if (table.former.length < MAX_FORMER_TABLES) {
      const { version, former, highest } = table;
      this.known.set({
        version: version + 1,
        shards,
        former: [...former, table.shards],
        highest: Math.max(highest, shards),
      });
      this.armAlarm(0);
    }
  }

  /** null where the variable is wrong: then nobody comes here with anything anyway. */
  private wantedShards(): number | null {
    try {
      return resolveConfig(this.read()[0] ?? null, this.env.TAILRACE_CONFIG).shards;
    } catch {
      return null;
    }
  }

  private armAlarm(inMs: number): void {
    this.ctx.storage.setAlarm(Date.now() + inMs).catch((error) => this.ctx.abort(String(error)));
  }

  async costs(): Promise<Costs> {
    return this.meter.totals();
  }

  /** Newest first: at most the current one and the one before. */
  private read(): ConfigDocument[] {
    return this.ctx.storage.sql
      .exec<Row>('SELECT version, text, changed_ms FROM documents ORDER BY version DESC LIMIT 2')
      .toArray()
      .map(({ version, text, changed_ms }) => ({ version, text, changedMs: changed_ms }));
  }
}

meterEvents<ControlApi & Pick<Control, 'alarm'>>(Control.prototype, {
  current: 'object_calls',
  history: 'object_calls',
  put: 'object_calls',
  keys: 'object_calls',
  addKey: 'object_calls',
  rotateKey: 'object_calls',
  revokeKey: 'object_calls',
  note: 'object_calls',
  audit: 'object_calls',
  costs: 'object_calls',
  alarm: 'object_alarms',
});
