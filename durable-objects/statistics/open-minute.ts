/**
 * One minute's counts while spans are added to it. What is beyond the limits is counted in `other`: in that of its service
 * while there is room for it, else in that of the service `other`.
 */

import { Histogram } from '../../model/histogram.ts';
import { MAX_MINUTE_EDGES, MAX_MINUTE_OPERATIONS } from '../../model/limits.ts';
import { type Cell, type EdgeCell, type MinuteRow, type OperationCell, OTHER } from '../../model/statistics-row.ts';
import type { TraceView } from '../trace-view.ts';
import { Buckets, type BucketUse } from './buckets.ts';
import { Cells } from './cells.ts';
import { MAX_NUMBER_BITS, OperationNumbers } from './operation-numbers.ts';

/** Keys of cells: an operation's number and a SpanKind, or two operations' numbers. */
const KIND_BITS = 3;
const KIND_MASK = (1 << KIND_BITS) - 1;
const NUMBER_MASK = (1 << MAX_NUMBER_BITS) - 1;
/** Cells for `other`, further to those with names. */
const OTHER_CELLS = 1_000;
/** Numbers of histograms: four a cell's number. */
const OF_OPERATION = 0;
const OF_EDGE = 1;
const OF_CLIENT = 2;

/** What was counted in `other` although it has a name. */
export interface Overflow {
  otherSpans: number;
  otherEdges: number;
}

export class OpenMinute {
  readonly minute: number;
  readonly #overflow: Overflow;
  readonly #numbers = new OperationNumbers();
  readonly #cells = new Cells([MAX_MINUTE_OPERATIONS, OTHER_CELLS, KIND_MASK + 1]);
  readonly #edges = new Cells([MAX_MINUTE_EDGES, OTHER_CELLS, 1]);
  readonly #buckets: Buckets;
  readonly #use: BucketUse;

  constructor(minute: number, use: BucketUse, overflow: Overflow) {
    this.minute = minute;
    this.#overflow = overflow;
    this.#use = use;
    this.#buckets = new Buckets(use);
  }

  /** Counts span `i`, which has ended; `trace` is a number no other trace has. */
  addSpan(view: TraceView, i: number, trace: number, weight: number, durationUs: number): void {
    const cell = this.#cellOf(this.#numbers.ofSpan(view, i), view.kind(i));
    this.#cells.count(cell, trace, weight, view.isError(i), durationUs);
    this.#buckets.record(cell * 4 + OF_OPERATION, durationUs, weight);
    if (this.#isOtherCell(cell)) this.#overflow.otherSpans++;
  }

  /** Counts the edge to span `i` from its parent; `clientUs` is the parent's duration where it is a client span, else -1. */
  addEdge(view: TraceView, i: number, trace: number, weight: number, durationUs: number, clientUs: number): void {
    const edge = this.#edgeOf(this.#numbers.ofSpan(view, view.parent(i)), this.#numbers.ofSpan(view, i));
    this.#edges.count(edge, trace, weight, view.isError(i), durationUs);
    this.#buckets.record(edge * 4 + OF_EDGE, durationUs, weight);
    if (clientUs >= 0) this.#buckets.record(edge * 4 + OF_CLIENT, clientUs, weight);
    if (this.#isOtherEdge(edge)) this.#overflow.otherEdges++;
  }

  /** Adds what a row counts. */
  absorb(row: MinuteRow): this {
    const numbers = row.operations.map(({ service, name }) => this.#numbers.of(service, name));
    const isNamed = row.operations.map(({ name }) => name !== OTHER);
    for (const counted of row.cells) {
      const cell = this.#cellOf(numbers[counted.operation]!, counted.kind);
      this.#cells.absorb(cell, counted);
      this.#buckets.absorb(cell * 4 + OF_OPERATION, counted.durations);
      if (isNamed[counted.operation] && this.#isOtherCell(cell)) this.#overflow.otherSpans += counted.spans;
    }
    for (const counted of row.edges) {
      const edge = this.#edgeOf(numbers[counted.parent]!, numbers[counted.child]!);
      this.#edges.absorb(edge, counted);
      this.#buckets.absorb(edge * 4 + OF_EDGE, counted.durations);
      this.#buckets.absorb(edge * 4 + OF_CLIENT, counted.client);
      const wasNamed = isNamed[counted.parent] && isNamed[counted.child];
      if (wasNamed && this.#isOtherEdge(edge)) this.#overflow.otherEdges += counted.spans;
    }
    return this;
  }

  /** The same for the same counts, in whatever order they came. */
  toRow(): MinuteRow {
    const { operations, rankOf } = this.#numbers.inOrder();
    const histograms = this.#buckets.read();
    const histogram = (number: number) => histograms.get(number) ?? new Histogram();
    const read = (cells: Cells, cell: number, of: number): Cell => ({
      ...cells.read(cell),
      durations: histogram(cell * 4 + of),
    });
    const cells: OperationCell[] = [];
    for (let cell = 0; cell < this.#cells.table.size; cell++) {
      const key = this.#cells.table.keys[cell]!;
      const operation = rankOf[key >> KIND_BITS]!;
      cells.push({ operation, kind: key & KIND_MASK, ...read(this.#cells, cell, OF_OPERATION) });
    }
    const edges: EdgeCell[] = [];
    for (let edge = 0; edge < this.#edges.table.size; edge++) {
      const key = this.#edges.table.keys[edge]!;
      const parent = rankOf[key >> MAX_NUMBER_BITS]!;
      const child = rankOf[key & NUMBER_MASK]!;
      edges.push({ parent, child, ...read(this.#edges, edge, OF_EDGE), client: histogram(edge * 4 + OF_CLIENT) });
    }
    return {
      minute: this.minute,
      operations,
      cells: cells.sort((a, b) => a.operation - b.operation || a.kind - b.kind),
      edges: edges.sort((a, b) => a.parent - b.parent || a.child - b.child),
    };
  }

  /** Gives back its part of the buckets in use; it must not be used any more. */
  close(): void {
    this.#use.buckets -= this.#buckets.size;
  }

  #isOtherCell(cell: number): boolean {
    return this.#numbers.isOther(this.#cells.table.keys[cell]! >> KIND_BITS);
  }

  #isOtherEdge(edge: number): boolean {
    const key = this.#edges.table.keys[edge]!;
    return this.#numbers.isOther(key >> MAX_NUMBER_BITS) || this.#numbers.isOther(key & NUMBER_MASK);
  }

  #cellOf(number: number, kind: number): number {
    const key = (number << KIND_BITS) | kind;
    const known = this.#cells.table.find(key);
    if (known >= 0) return known;
    const added = this.#cells.tryAdd(key, this.#numbers.tier(number));
    return added >= 0 ? added : this.#cellOf(this.#numbers.otherFor(number), kind);
  }

  #edgeOf(parent: number, child: number): number {
    const key = (parent << MAX_NUMBER_BITS) | child;
    const known = this.#edges.table.find(key);
    if (known >= 0) return known;
    const tier = Math.min(this.#numbers.tier(parent), this.#numbers.tier(child)) as 0 | 1 | 2;
    const added = this.#edges.tryAdd(key, tier);
    return added >= 0 ? added : this.#edgeOf(this.#numbers.otherFor(parent), this.#numbers.otherFor(child));
  }
}
