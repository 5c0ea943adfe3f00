/** Which requests are let in longest: those with a span that a trace would be kept for. */

import type { Config } from '../../durable-objects/config.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';

const STATUS_ERROR = 2;

/** One of its good spans has failed, was slow, or is critical by its service or name. */
export function isUrgent(table: SpanTable, { slowMs, critical }: Pick<Config, 'slowMs' | 'critical'>): boolean {
  const services = new Set(critical.services);
  const operations = new Set(critical.operations);
  for (let i = 0; i < table.count; i++) {
    if (table.rejection(i)) continue;
    if (table.status[i] === STATUS_ERROR || table.endUs[i]! - table.startUs[i]! >= slowMs * 1000) return true;
    if (services.size > 0 && services.has(table.service(i))) return true;
    if (operations.size > 0 && operations.has(table.name(i))) return true;
  }
  return false;
}
