/** Rows of statistics as large as those of a busy deployment. */

import { Histogram } from '../../model/histogram.ts';
import type { Cell, MinuteRow, OperationName } from '../../model/statistics-row.ts';

const SERVICES = 10;
const OPERATIONS = 50;
/** Each service calls the next ones, by this many edges between operations. */
const EDGES = 250;

/** One minute of one shard: 10 services of 50 operations, about 100,000 spans. */
export function busyRow(minute: number, random: () => number): MinuteRow {
  const operations: OperationName[] = [];
  for (let service = 0; service < SERVICES; service++) {
    for (let operation = 0; operation < OPERATIONS; operation++) {
      operations.push({ service: `service-${service}`, name: `GET /resource-${String(operation).padStart(2, '0')}` });
    }
  }
  const cells = operations.map((_, operation) => ({ operation, kind: 2, ...busyCell(operation, random) }));
  const edges = Array.from({ length: EDGES }, (_, i) => {
    const parent = i % (OPERATIONS * (SERVICES - 3));
    const child = parent + OPERATIONS * (1 + (i % 3));
    return { parent, child, ...busyCell(child, random), client: busyCell(child, random).durations };
  });
  edges.sort((a, b) => a.parent - b.parent || a.child - b.child);
  return { minute, operations, cells, edges };
}

function busyCell(operation: number, random: () => number): Cell {
  const spans = 100 + Math.floor(random() * 200);
  const durations = new Histogram();
  let sumUs = 0;
  for (let i = 0; i < spans; i++) {
    // Most take about as long as is usual for the operation, some much longer.
    const us = Math.round((200 + operation * 40) * Math.exp(2 * (random() + random() + random() - 1.5)));
    durations.record(us);
    sumUs += us;
  }
  return { spans, errors: Math.floor(spans * 0.01), variance: 0, errorVariance: 0, sumUs, durations };
}
