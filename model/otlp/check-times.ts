import type { SpanTable } from './span-table.ts';

/** Rejects the rows that started before `fromUs`, and those that start or end after `toUs`. */
export function checkTimes(table: SpanTable, fromUs: number, toUs: number): void {
  const { startUs, endUs } = table;
  for (let i = 0; i < table.count; i++) {
    const isSane = startUs[i]! >= fromUs && startUs[i]! <= toUs && endUs[i]! <= toUs;
    if (!isSane && !table.isRejected(i)) table.reject(i, 'invalid_time');
  }
}
