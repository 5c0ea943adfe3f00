/** Sorting of tables by a column. */

export type SortValue = number | string | null;

/** Numbers by size, text by the alphabet; what has no value is last either way. Equal rows stay in order. */
export function sortRows<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => SortValue,
  descending: boolean,
): readonly Row[] {
  const sign = descending ? -1 : 1;
  return rows.toSorted((rowA, rowB) => {
    const [a, b] = [keyOf(rowA), keyOf(rowB)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (typeof a === 'string' || typeof b === 'string') return sign * String(a).localeCompare(String(b), 'en');
    return sign * (a - b);
  });
}
