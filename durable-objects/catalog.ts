/** Services and the names of their spans that a shard has seen, each written once when it first appears. */

import { MAX_OPERATIONS_PER_SERVICE, MAX_OPERATIONS_PER_SHARD, MAX_SERVICES } from '../model/limits.ts';
import type { Operation } from './protocol.ts';

export class Catalog {
  private readonly sql: SqlStorage;
  private readonly services = new Map<string, Set<string>>();
  private size = 0;
  private last = { service: '', operation: '' };

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS catalog (service TEXT, operation TEXT, PRIMARY KEY (service, operation)) STRICT, WITHOUT ROWID',
    );
    for (const { service, operation } of sql.exec<{ service: string; operation: string }>('SELECT * FROM catalog')) {
      this.remember(service, operation);
    }
  }

  /** Takes note of a span's service and name; past the limits, new ones are left out. */
  see(service: string, operation: string): void {
    if (service === this.last.service && operation === this.last.operation) return;
    this.last = { service, operation };
    if (this.remember(service, operation)) {
      this.sql.exec('INSERT OR IGNORE INTO catalog (service, operation) VALUES (?, ?)', service, operation);
    }
  }

  list(): Operation[] {
    return [...this.services].flatMap(([service, operations]) => [...operations].map((name) => ({ service, name })));
  }

  private remember(service: string, operation: string): boolean {
    let operations = this.services.get(service);
    if (!operations) {
      if (this.services.size >= MAX_SERVICES) return false;
      operations = new Set();
      this.services.set(service, operations);
    }
    if (operations.has(operation) || operations.size >= MAX_OPERATIONS_PER_SERVICE) return false;
    if (this.size >= MAX_OPERATIONS_PER_SHARD) return false;
    operations.add(operation);
    this.size++;
    return true;
  }
}
