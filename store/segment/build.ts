import { parseHex } from '../../model/ids.ts';
import { newestFirst } from '../../model/order.ts';
import type { TraceSummary } from '../../model/span.ts';
import { TRACE_ID_BYTES } from '../block-entry.ts';
import { TermCollector } from './collect.ts';
import { DataBlockWriter } from './data-block.ts';
import { type Columns, MAX_SEGMENT_TRACES, type Segment } from './segment.ts';
import { KINDS, type Kind } from './term-key.ts';

/** One trace to be found. */
export interface IndexedTrace extends Pick<TraceSummary, 'traceId' | 'startUs' | 'durationUs' | 'status'> {
  /** `TracesData`: all parts of the trace, one after the other. Spans may repeat; the version that stands counts. */
  readonly otlp: Uint8Array;
}

/**
 * The segment of traces in any order.
 * @throws RangeError for a trace that comes twice, or too many
 */
export function buildSegment(traces: readonly IndexedTrace[]): Segment {
  const sorted = traces.toSorted(newestFirst);
  const columns = makeColumns(sorted.length);
  const collector = new TermCollector();
  for (const [ordinal, trace] of sorted.entries()) {
    if (trace.traceId === sorted[ordinal - 1]?.traceId)
      throw new RangeError(`segment: trace ${trace.traceId} comes twice`);
    columns.ids.set(parseHex(trace.traceId)!, ordinal * TRACE_ID_BYTES);
    columns.starts[ordinal] = trace.startUs;
    columns.durations[ordinal] = trace.durationUs;
    columns.errors[ordinal] = Number(trace.status === 'error');
    collector.add(trace.otlp);
  }
  return { traceCount: sorted.length, columns, blocks: writeTerms(collector, sorted.length) };
}

/** @throws RangeError for more traces than a segment may have */
export function makeColumns(traceCount: number): Columns {
  if (traceCount > MAX_SEGMENT_TRACES)
    throw new RangeError(`segment: ${traceCount} traces, more than a segment may have`);
  return {
    ids: new Uint8Array(traceCount * TRACE_ID_BYTES),
    starts: new Float64Array(traceCount),
    durations: new Float64Array(traceCount),
    errors: new Uint8Array(traceCount),
  };
}

/** The data blocks of all terms, in the order of their keys. */
function writeTerms(collector: TermCollector, traceCount: number): Segment['blocks'] {
  const { items } = collector;
  const { names, services, keys } = items.sorted();
  const { traces, starts } = collector.postings();
  const writer = new DataBlockWriter(traceCount);
  let key = new Uint8Array(1024);

  /** Adds an item's term of a kind after `length` bytes that are in the key, if any trace has it. */
  function add(item: number, kind: Kind, length: number, bytes: Uint8Array): void {
    const term = collector.termOf(item, kind);
    const from = starts[term]!;
    const to = starts[term + 1]!;
    if (from === to) return;
    put(bytes, length);
    writer.add(key, length + bytes.length, traces, from, to);
  }

  function put(bytes: Uint8Array, at: number): void {
    if (at + bytes.length > key.length) {
      const longer = new Uint8Array(2 * (at + bytes.length));
      longer.set(key);
      key = longer;
    }
    key.set(bytes, at);
  }

  function addNames(kind: Kind): void {
    key[0] = kind;
    for (const item of names) add(item, kind, 1, items.bytesOf(item));
  }

  /** Puts what items stand after. Returns the length of the key so far. */
  function putFirst(kind: Kind, first: number): number {
    const bytes = items.bytesOf(first);
    key[0] = kind;
    key[1] = bytes.length >> 8;
    key[2] = bytes.length & 0xff;
    put(bytes, 3);
    return 3 + bytes.length;
  }

  function addAttributes(kind: Kind): void {
    for (const { first, items: values } of keys) {
      const length = putFirst(kind, first);
      add(first, kind, length, NOTHING);
      for (const value of values) add(value, kind, length, items.bytesOf(value));
    }
  }

  addNames(KINDS.service);
  addNames(KINDS.operation);
  for (const { first, items: operations } of services) {
    const length = putFirst(KINDS.pair, first);
    for (const operation of operations) add(operation, KINDS.pair, length, items.bytesOf(operation));
  }
  addNames(KINDS.rootService);
  addNames(KINDS.rootOperation);
  addAttributes(KINDS.span);
  addAttributes(KINDS.resource);
  addAttributes(KINDS.root);
  return writer.finish();
}

const NOTHING = new Uint8Array(0);
