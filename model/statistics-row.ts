/**
 * What one shard counted of one minute, and its packed form (`docs/statistics-format.md`). The same counts make the same
 * bytes, in whatever order they came. Every length, reference and order is checked when bytes are decoded.
 */

import { ByteReader, type ByteWriter, createByteWriter } from './bytes.ts';
import { decodeHistogram, encodeHistogram, type Histogram } from './histogram.ts';
import { MAX_STATISTICS_ROW_BYTES } from './limits.ts';
import { StatisticsRowError, type StatisticsRowFault } from './statistics-row-error.ts';

const MAGIC = 0x31535254; // TRS1, little-endian
const VERSION = 1;
const WEIGHT_UNITS = 2 ** 16;
/** A cell's head: three bits of SpanKind (0 in edges), then flags. */
const KIND_BITS = 7;
const HAS_ERRORS = 8;
const IS_WEIGHTED = 16;

/** The name of what is beyond the limits: of an operation, or of a service. */
export const OTHER = 'other';

/** What is counted alike of an operation and of an edge. */
export interface Cell {
  /** Spans that were measured: each one once, whatever its weight. */
  readonly spans: number;
  /** Sum of the weights of those whose status is error; that of all is `durations.count`. */
  readonly errors: number;
  /** Estimated variance of `durations.count` and of `errors`; 0 where all weights are 1. */
  readonly variance: number;
  readonly errorVariance: number;
  /** Weighted sum of the durations. */
  readonly sumUs: number;
  readonly durations: Histogram;
}

export interface OperationCell extends Cell {
  /** Index in `operations`. */
  readonly operation: number;
  /** OTLP SpanKind, 0 to 5. */
  readonly kind: number;
}

export interface EdgeCell extends Cell {
  /** Indices in `operations`; counts, errors and durations are the child's. */
  readonly parent: number;
  readonly child: number;
  /** Durations of the parents that are client spans, with the child's weight. */
  readonly client: Histogram;
}

export interface OperationName {
  readonly service: string;
  readonly name: string;
}

export interface MinuteRow {
  /** Minutes since the epoch. */
  readonly minute: number;
  /** Each pair once, ascending by service, then name, as JavaScript compares strings. */
  readonly operations: readonly OperationName[];
  /** Ascending by operation, then kind. */
  readonly cells: readonly OperationCell[];
  /** Ascending by parent, then child. */
  readonly edges: readonly EdgeCell[];
}

/** The packed row, at most `MAX_STATISTICS_ROW_BYTES`; throws `StatisticsRowError` beyond that. */
export function encodeMinute(row: MinuteRow): Uint8Array<ArrayBuffer> {
  const writer = createByteWriter();
  for (let shift = 0; shift < 32; shift += 8) writer.u8((MAGIC >>> shift) & 0xff);
  writer.u8(VERSION);
  writer.varint(row.minute);
  encodeNames(writer, row.operations);

  writer.varint(row.cells.length);
  let last = 0;
  for (const cell of row.cells) {
    writer.varint(cell.operation - last);
    last = cell.operation;
    encodeCell(writer, cell, cell.kind);
  }

  writer.varint(row.edges.length);
  let lastParent = 0;
  for (const edge of row.edges) {
    writer.varint(edge.parent - lastParent);
    writer.varint(edge.child);
    lastParent = edge.parent;
    encodeCell(writer, edge, 0);
    encodeHistogram(writer, edge.client);
  }
  if (writer.length > MAX_STATISTICS_ROW_BYTES) {
    throw new StatisticsRowError('too_large', writer.length, `minute ${row.minute}`);
  }
  return writer.written().slice();
}

/** Reads a packed row of a known version; throws `StatisticsRowError` for anything else. */
export function decodeMinute(bytes: Uint8Array): MinuteRow {
  const reader = new ByteReader(bytes, (fault, offset, what) => {
    throw new StatisticsRowError(fault, offset, what);
  });
  const fail = (fault: StatisticsRowFault, detail: string): never => {
    throw new StatisticsRowError(fault, reader.position, detail);
  };
  for (let shift = 0; shift < 32; shift += 8) {
    if (reader.u8('magic') !== ((MAGIC >>> shift) & 0xff)) fail('bad_magic', 'not a statistics row');
  }
  const version = reader.u8('version');
  if (version !== VERSION) fail('unknown_version', `version ${version}`);
  const minute = reader.varint('minute');
  const operations = decodeNames(reader, fail);

  /** Nothing takes less than a byte, so a count beyond the bytes that are left is wrong. */
  const count = (what: string): number => {
    const value = reader.varint(what);
    return value <= reader.remaining ? value : fail('truncated', `${value} of ${what}`);
  };
  const reference = (value: number): number =>
    value < operations.length ? value : fail('bad_reference', `operation ${value} of ${operations.length}`);

  const cells: OperationCell[] = [];
  let previous = -1;
  for (let left = count('operation cells'), at = 0; left > 0; left--) {
    at = reference(at + reader.varint('operation'));
    const { kind, cell } = decodeCell(reader, fail);
    if (kind > 5) fail('bad_value', `span kind ${kind}`);
    if (at * 8 + kind <= previous) fail('bad_order', 'operation cells');
    previous = at * 8 + kind;
    cells.push({ operation: at, kind, ...cell });
  }

  const edges: EdgeCell[] = [];
  let last = { parent: -1, child: -1 };
  for (let left = count('edges'), parent = 0; left > 0; left--) {
    parent = reference(parent + reader.varint('parent'));
    const child = reference(reader.varint('child'));
    if (parent === last.parent && child <= last.child) fail('bad_order', 'edges');
    last = { parent, child };
    const { kind, cell } = decodeCell(reader, fail);
    if (kind !== 0) fail('bad_value', 'an edge with a span kind');
    const client = decodeHistogram(reader, (detail) => fail('bad_value', detail));
    edges.push({ parent, child, ...cell, client });
  }
  if (reader.remaining > 0) fail('trailing_bytes', `${reader.remaining} bytes after the last edge`);
  return { minute, operations, cells, edges };
}

/** Services, each with its operations. */
function encodeNames(writer: ByteWriter, operations: readonly OperationName[]): void {
  const services = Map.groupBy(operations, ({ service }) => service);
  writer.varint(services.size);
  for (const [service, members] of services) {
    writer.text(service);
    writer.varint(members.length);
    for (const { name } of members) writer.text(name);
  }
}

function decodeNames(
  reader: ByteReader,
  fail: (fault: StatisticsRowFault, detail: string) => never,
): readonly OperationName[] {
  const operations: OperationName[] = [];
  let lastService: string | null = null;
  for (let services = reader.varint('services'); services > 0; services--) {
    const service = reader.text('service');
    if (lastService !== null && service <= lastService) fail('bad_order', 'services');
    lastService = service;
    let lastName: string | null = null;
    for (let names = reader.varint('operations'); names > 0; names--) {
      const name = reader.text('operation');
      if (lastName !== null && name <= lastName) fail('bad_order', 'operations');
      lastName = name;
      operations.push({ service, name });
    }
  }
  return operations;
}

function encodeCell(writer: ByteWriter, cell: Cell, kind: number): void {
  const isWeighted = cell.durations.count !== cell.spans;
  writer.u8(kind | (cell.errors > 0 ? HAS_ERRORS : 0) | (isWeighted ? IS_WEIGHTED : 0));
  if (isWeighted) {
    writer.varint(cell.spans);
    writer.f64(cell.variance);
    writer.f64(cell.errorVariance);
  }
  if (cell.errors > 0) writer.varint(isWeighted ? cell.errors * WEIGHT_UNITS : cell.errors);
  writer.varint(cell.sumUs);
  encodeHistogram(writer, cell.durations);
}

function decodeCell(
  reader: ByteReader,
  fail: (fault: StatisticsRowFault, detail: string) => never,
): { readonly kind: number; readonly cell: Cell } {
  const head = reader.u8('cell head');
  if (head > (KIND_BITS | HAS_ERRORS | IS_WEIGHTED)) fail('bad_value', `cell head ${head}`);
  const isWeighted = (head & IS_WEIGHTED) !== 0;
  const spans = isWeighted ? reader.varint('spans') : null;
  const variance = isWeighted ? reader.f64('variance') : 0;
  const errorVariance = isWeighted ? reader.f64('variance of errors') : 0;
  if (!(variance >= 0 && errorVariance >= 0 && Number.isFinite(variance + errorVariance))) {
    fail('bad_value', 'a variance that is none');
  }
  const errors = (head & HAS_ERRORS) === 0 ? 0 : reader.varint('errors') / (isWeighted ? WEIGHT_UNITS : 1);
  const sumUs = reader.varint('sum of durations');
  const durations = decodeHistogram(reader, (detail) => fail('bad_value', detail));
  if (durations.count < 1) fail('bad_value', 'a cell without spans');
  if (errors > durations.count) fail('bad_value', `${errors} errors of ${durations.count} spans`);
  if (spans !== null && (spans < 1 || spans > durations.count)) fail('bad_value', `${spans} spans that weigh less`);
  return {
    kind: head & KIND_BITS,
    cell: { spans: spans ?? durations.count, errors, variance, errorVariance, sumUs, durations },
  };
}
