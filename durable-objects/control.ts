/** The one object that holds the configuration: the document that is in force, the one before it, and when each came. */

import { DurableObject } from 'cloudflare:workers';
import type { Costs } from '../model/costs.ts';
import { CostMeter, meterEvents } from './cost-meter.ts';
import type { ConfigDocument, ConfigHistory, ControlApi, PutResult } from './protocol.ts';

type Row = { version: number; text: string | null; changed_ms: number };

export class Control extends DurableObject implements ControlApi {
  readonly meter = new CostMeter(() => performance.now());

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env as never);
    this.meter.watch(state.storage);
    state.storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS documents (version INTEGER PRIMARY KEY, text TEXT, changed_ms REAL NOT NULL) STRICT',
    );
  }

  async current(): Promise<ConfigDocument | null> {
    return this.read()[0] ?? null;
  }

  async history(): Promise<ConfigHistory> {
    const [current = null, previous = null] = this.read();
    return { current, previous };
  }

  async put(text: string | null, variableVersion: number, expected: number | null): Promise<PutResult> {
    const [before, older] = this.read();
    const version = before?.version ?? variableVersion;
    if (expected !== null && expected !== version) return { accepted: false, version };
    const document = { version: Math.max(version, variableVersion) + 1, text, changedMs: Date.now() };
    const { sql } = this.ctx.storage;
    sql.exec('INSERT INTO documents VALUES (?, ?, ?)', document.version, document.text, document.changedMs);
    if (older) sql.exec('DELETE FROM documents WHERE version <= ?', older.version);
    return { accepted: true, document };
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

meterEvents<ControlApi>(Control.prototype, {
  current: 'object_calls',
  history: 'object_calls',
  put: 'object_calls',
  costs: 'object_calls',
});
