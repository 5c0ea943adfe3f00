/** Spans for statistics, the rows that shards would make of them, and what brute force counts of them. */

import { Histogram, slotOf } from '../../model/histogram.ts';
import type { Cell, MinuteRow } from '../../model/statistics-row.ts';
import type { Grain, SummedRow } from '../../model/statistics-sum.ts';

export interface CountedSpan {
  readonly shard: string;
  /** Minutes since the epoch. */
  readonly minute: number;
  readonly service: string;
  readonly name: string;
  /** OTLP SpanKind. */
  readonly kind: number;
  readonly durationUs: number;
  readonly isError: boolean;
  /** Who called it, from another service. */
  readonly caller: { readonly service: string; readonly name: string } | null;
}

/** What a shard counts of spans of one minute. */
export function rowOf(minute: number, spans: readonly CountedSpan[]): MinuteRow {
  const named = spans.flatMap(({ service, name, caller }) => [{ service, name }, ...(caller ? [caller] : [])]);
  const names = [...new Map(named.map(({ service, name }) => [`${service}\n${name}`, { service, name }])).values()];
  const operations = names.sort((a, b) => compare(a.service, b.service) || compare(a.name, b.name));
  const indexOf = (of: { service: string; name: string }) =>
    operations.findIndex(({ service, name }) => service === of.service && name === of.name);
  const cells = Map.groupBy(spans, (span) => indexOf(span) * 8 + span.kind);
  const called = spans.filter(({ caller }) => caller !== null);
  const edges = Map.groupBy(called, (span) => indexOf(span.caller!) * 1000 + indexOf(span));
  return {
    minute,
    operations,
    cells: [...cells]
      .sort(([a], [b]) => a - b)
      .map(([key, of]) => ({ operation: key >> 3, kind: key & 7, ...cellOf(of) })),
    edges: [...edges]
      .sort(([a], [b]) => a - b)
      .map(([key, of]) => ({
        parent: Math.floor(key / 1000),
        child: key % 1000,
        ...cellOf(of),
        client: cellOf(of).durations,
      })),
  };
}

function cellOf(spans: readonly CountedSpan[]): Cell {
  const durations = new Histogram();
  for (const { durationUs } of spans) durations.record(durationUs);
  return {
    spans: spans.length,
    errors: spans.filter(({ isError }) => isError).length,
    variance: 0,
    errorVariance: 0,
    sumUs: spans.reduce((sum, { durationUs }) => sum + durationUs, 0),
    durations,
  };
}

/** What there is of each operation and edge, counted span by span, in text. */
export function countSpans(spans: readonly CountedSpan[], grain: Grain): string[] {
  const name = (of: { service: string; name: string }) => `${of.service} ${grain === 'service' ? '' : of.name}`;
  const called = spans.filter(({ caller }) => caller !== null);
  const groups = [
    ...Map.groupBy(spans, (span) => `${name(span)} ${span.kind}`),
    ...Map.groupBy(called, (span) => `${name(span.caller!)} > ${name(span)}`),
  ];
  return groups.map(([key, of]) => describe(key, of)).sort();
}

function describe(key: string, spans: readonly CountedSpan[]): string {
  const slots = Map.groupBy(spans, ({ durationUs }) => slotOf(durationUs));
  const { length } = spans;
  const counts = [...slots].sort(([a], [b]) => a - b).map(([slot, of]) => [slot, of.length]);
  const errors = spans.filter(({ isError }) => isError).length;
  const sumUs = spans.reduce((sum, { durationUs }) => sum + durationUs, 0);
  return JSON.stringify([key, length, errors, sumUs, counts, Math.max(...spans.map(({ minute }) => minute))]);
}

/** The same of a sum. */
export function describeSum({ row, cellMinutes, edgeMinutes }: SummedRow): string[] {
  const name = (index: number) => `${row.operations[index]!.service} ${row.operations[index]!.name}`;
  const plain = (key: string, cell: Cell, minute: number) =>
    JSON.stringify([key, cell.spans, cell.errors, cell.sumUs, cell.durations.slots(), minute]);
  return [
    ...row.cells.map((cell, i) => plain(`${name(cell.operation)} ${cell.kind}`, cell, cellMinutes[i]!)),
    ...row.edges.map((edge, i) => plain(`${name(edge.parent)} > ${name(edge.child)}`, edge, edgeMinutes[i]!)),
  ].sort();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
