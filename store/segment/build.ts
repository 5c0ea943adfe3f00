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
  const ids = new Set<string>();
  for (const { traceId } of traces) {
    if (ids.has(traceId)) throw new RangeError(`segment: trace ${traceId} comes twice`);
    ids.add(traceId);
  }
  const sorted = traces.toSorted(newestFirst);
  const columns = makeColumns(sorted.length);
  const collector = new TermCollector();
  for (const [ordinal, trace] of sorted.entries()) {
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

  /** Adds an item's term of a kind, if any trace has it, after `length` bytes that are in the key. */
  function add(item: number, kind: Kind, length: number): void {
    const term = collector.termOf(item, kind);
    if (starts[term]! < starts[term + 1]!) addTerm(term, put(item, length));
  }

  /** Adds a term, if any trace has it, whose key is the first `length` bytes that are there. */
  function addTerm(term: number, length: number): void {
    const from = starts[term]!;
    const to = starts[term + 1]!;
    if (from < to) writer.add(key, length, traces, from, to);
  }

  /** Puts an item's bytes into the key, and returns where they end. */
  function put(item: number, at: number): number {
    if (at + items.lengthOf(item) > key.length) {
      const longer = new Uint8Array(2 * (at + items.lengthOf(item)));
      longer.set(key);
      key = longer;
    }
    return items.copyTo(item, key, at);
  }

  function addNames(kind: Kind): void {
    key[0] = kind;
    for (const item of names) add(item, kind, 1);
  }

  /** Puts what items stand after. Returns the length of the key so far. */
  function putFirst(kind: Kind, first: number): number {
    key[0] = kind;
    key[1] = items.lengthOf(first) >> 8;
    key[2] = items.lengthOf(first) & 0xff;
    return put(first, 3);
  }

  function addAttributes(kind: Kind): void {
    for (const { first, items: values } of keys) {
      const length = putFirst(kind, first);
      // The term of the key itself, whatever its value, has nothing after it.
      addTerm(collector.termOf(first, kind), length);
      for (const value of values) add(value, kind, length);
    }
  }

  addNames(KINDS.service);
  addNames(KINDS.operation);
  for (const { first, items: operations } of services) {
    const length = putFirst(KINDS.pair, first);
    for (const operation of operations) add(operation, KINDS.pair, length);
  }
  addNames(KINDS.rootService);
  addNames(KINDS.rootOperation);
  addAttributes(KINDS.span);
  addAttributes(KINDS.resource);
  addAttributes(KINDS.root);
  return writer.finish();
}
