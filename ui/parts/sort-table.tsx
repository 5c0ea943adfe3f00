import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { type SortValue, sortRows } from '../logic/sort.ts';

export interface Column<Row> {
  readonly name: string;
  /** What the column means, where its name does not say it all. */
  readonly title?: string;
  readonly value: (row: Row) => SortValue;
  /** What is shown, where that is not the value. */
  readonly show?: (row: Row) => ComponentChildren;
}

interface Props<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  classOf?: (row: Row) => string;
  /** The column that it is sorted by at first: its greatest values on top. */
  sortedBy: string;
  /** What is said instead where there are no rows. */
  empty: string;
}

/** Rows drawn before somebody asks for all. */
const FIRST_ROWS = 100;

/** A table whose headings sort it: numbers from the greatest, names from A. The first column names the row. */
export function SortTable<Row>({ caption, columns, rows, keyOf, classOf, sortedBy, empty }: Props<Row>) {
  const sorted = useSignal({ name: sortedBy, descending: true });
  const all = useSignal(false);
  if (rows.length === 0) return <p class="nothing">{empty}</p>;
  const { name, descending } = sorted.value;
  const by = columns.find((column) => column.name === name)!;
  const ordered = sortRows(rows, by.value, descending);
  const shown = all.value ? ordered : ordered.slice(0, FIRST_ROWS);
  const isText = (column: Column<Row>) => typeof column.value(rows[0]!) === 'string';
  return (
    <div class="table-box">
      <table class="sort-table">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                class={isText(column) ? 'text' : ''}
                aria-sort={column.name !== name ? 'none' : descending ? 'descending' : 'ascending'}
              >
                <button
                  type="button"
                  title={column.title}
                  onClick={() => {
                    const isSame = column.name === name;
                    sorted.value = { name: column.name, descending: isSame ? !descending : !isText(column) };
                  }}
                >
                  {column.name}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={keyOf(row)} class={classOf?.(row)}>
              {columns.map((column, index) => {
                const content = column.show ? column.show(row) : (column.value(row) ?? '–');
                return index === 0 ? (
                  <th key={column.name} scope="row">
                    {content}
                  </th>
                ) : (
                  <td key={column.name} class={isText(column) ? 'text' : ''}>
                    {content}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < ordered.length && (
        <button
          type="button"
          class="button more"
          onClick={() => {
            all.value = true;
          }}
        >
          Show all {ordered.length.toLocaleString('en')}
        </button>
      )}
    </div>
  );
}
