/**
 * Adds up rows of statistics, of any shards and minutes. What comes out is a row again, exactly the one that counting all of
 * it at once would have made, apart from the limits on a minute's rows.
 */

import { Histogram } from './histogram.ts';
import type { Cell, EdgeCell, MinuteRow, OperationCell, OperationName } from './statistics-row.ts';

/**
 * By service: all operations of a service as one without a name, so that edges are those between services. Variances are
 * added too, as if no trace had spans in two operations of a service.
 */
export type Grain = 'operation' | 'service';

/** Operations that one sum can tell apart. */
const MAX_OPERATIONS = 2 ** 24;
const KINDS = 8;

class Sum {
  spans = 0;
  errors = 0;
  variance = 0;
  errorVariance = 0;
  sumUs = 0;
  lastMinute = 0;
  readonly durations = new Histogram();

  add(cell: Cell, minute: number): void {
    this.spans += cell.spans;
    this.errors += cell.errors;
    this.variance += cell.variance;
    this.errorVariance += cell.errorVariance;
    this.sumUs += cell.sumUs;
    this.lastMinute = Math.max(this.lastMinute, minute);
    this.durations.merge(cell.durations);
  }

  toCell(): Cell {
    const { spans, errors, variance, errorVariance, sumUs, durations } = this;
    return { spans, errors, variance, errorVariance, sumUs, durations };
  }
}

class EdgeSum extends Sum {
  readonly client = new Histogram();
}

/** A sum's row; with each cell, in their order, the last minute that counted something in it. */
export interface SummedRow {
  readonly row: MinuteRow;
  readonly cellMinutes: readonly number[];
  readonly edgeMinutes: readonly number[];
}

export class StatisticsSum {
  readonly #grain: Grain;
  readonly #operations: OperationName[] = [];
  readonly #numbers = new Map<string, Map<string, number>>();
  readonly #cells = new Map<number, Sum>();
  readonly #edges = new Map<number, EdgeSum>();
  #minute = 0;

  constructor(grain: Grain = 'operation') {
    this.#grain = grain;
  }

  /** `minutes` where the row is a sum itself. */
  add(row: MinuteRow, minutes?: Omit<SummedRow, 'row'>): this {
    this.#minute = Math.max(this.#minute, row.minute);
    const numbers = row.operations.map(({ service, name }) =>
      this.#numberOf(service, this.#grain === 'service' ? '' : name),
    );
    for (const [i, cell] of row.cells.entries()) {
      const key = numbers[cell.operation]! * KINDS + cell.kind;
      at(this.#cells, key, Sum).add(cell, minutes?.cellMinutes[i] ?? row.minute);
    }
    for (const [i, edge] of row.edges.entries()) {
      const [parent, child] = [numbers[edge.parent]!, numbers[edge.child]!];
      const sum = at(this.#edges, parent * MAX_OPERATIONS + child, EdgeSum);
      sum.add(edge, minutes?.edgeMinutes[i] ?? row.minute);
      sum.client.merge(edge.client);
    }
    return this;
  }

  /** The sum as a row of its latest minute, or of the given one; histograms are the sum's own. */
  toRow(minute = this.#minute): SummedRow {
    const order = this.#operations.map((_, number) => number);
    order.sort((a, b) => compare(this.#operations[a]!, this.#operations[b]!));
    const rankOf: number[] = [];
    for (const [rank, number] of order.entries()) rankOf[number] = rank;

    const cells = [...this.#cells].map(([key, sum]) => {
      const cell: OperationCell = { operation: rankOf[Math.floor(key / KINDS)]!, kind: key % KINDS, ...sum.toCell() };
      return { cell, lastMinute: sum.lastMinute };
    });
    const edges = [...this.#edges].map(([key, sum]) => {
      const [parent, child] = [rankOf[Math.floor(key / MAX_OPERATIONS)]!, rankOf[key % MAX_OPERATIONS]!];
      const cell: EdgeCell = { parent, child, ...sum.toCell(), client: sum.client };
      return { cell, lastMinute: sum.lastMinute };
    });
    cells.sort(({ cell: a }, { cell: b }) => a.operation - b.operation || a.kind - b.kind);
    edges.sort(({ cell: a }, { cell: b }) => a.parent - b.parent || a.child - b.child);
    return {
      row: {
        minute,
        operations: order.map((number) => this.#operations[number]!),
        cells: cells.map(({ cell }) => cell),
        edges: edges.map(({ cell }) => cell),
      },
      cellMinutes: cells.map(({ lastMinute }) => lastMinute),
      edgeMinutes: edges.map(({ lastMinute }) => lastMinute),
    };
  }

  #numberOf(service: string, name: string): number {
    let names = this.#numbers.get(service);
    if (!names) {
      names = new Map();
      this.#numbers.set(service, names);
    }
    let number = names.get(name);
    if (number === undefined) {
      number = this.#operations.push({ service, name }) - 1;
      names.set(name, number);
    }
    return number;
  }
}

function at<T extends Sum>(sums: Map<number, T>, key: number, Kind: new () => T): T {
  let sum = sums.get(key);
  if (!sum) {
    sum = new Kind();
    sums.set(key, sum);
  }
  return sum;
}

function compare(a: OperationName, b: OperationName): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return 0;
}
