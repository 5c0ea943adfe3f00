/** Batches made the way a page makes them: recorded into a ring, read, encoded. */

import { encodeBatch } from '../../client/recorder/batcher.ts';
import { createClaim, DRAIN } from '../../client/recorder/claim.ts';
import type { Losses } from '../../client/recorder/counters.ts';
import { createMemory } from '../../client/recorder/memory.ts';
import { type PendingRecord, readPending } from '../../client/recorder/pending.ts';
import { createRecordWriter } from '../../client/recorder/record.ts';
import type { OpenRecordable } from '../../client/recorder/recordable.ts';
import { createRing } from '../../client/recorder/ring.ts';
import { createStringTable } from '../../client/recorder/strings.ts';
import type { Batch } from '../../model/batch/batch.ts';
import { createSpanBodyWriter, type FlatAttributes } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { CLIENT_COUNTS, CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { SpanData, SpanDataAttributes } from '../../model/span-data.ts';

export interface RecordedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
}

export interface RecordingOptions {
  readonly maxBytes?: number;
  readonly order?: (a: PendingRecord, b: PendingRecord) => number;
}

/** Records the spans of `batch` and encodes them, in the order given unless another is asked for. */
export function recordBatch(batch: Partial<Batch>, { maxBytes, order }: RecordingOptions = {}): RecordedBatch {
  const { spans = [], resource = [], goodbye = false } = batch;
  const buffer = createMemory(false, 1024 * 1024);
  const ring = createRing(buffer);
  const claim = createClaim(buffer, DRAIN);
  const write = createRecordWriter(ring, createStringTable(buffer));
  for (const span of spans) if (!write(toRecordable(span))) throw new Error('the ring is full');
  claim.check();
  const records = readPending(ring, claim, claim.position, 2 ** 31)?.records ?? [];
  if (order) records.sort(order);
  return encodeBatch({
    buffer,
    config: { url: '', resource: encodeResource(resource) },
    records,
    losses: lossesOf(batch),
    goodbye,
    maxBytes,
  });
}

/** What a batch tells, in the form in which pages count it. */
export function lossesOf({ dropped = {}, counts = {} }: Partial<Batch>): Losses {
  const told = [...CLIENT_DROP_REASONS.map((reason) => dropped[reason]), ...CLIENT_COUNTS.map((name) => counts[name])];
  return told.map((count) => count ?? 0);
}

/** A resource in the form batches carry it. */
export function encodeResource(resource: SpanDataAttributes): Uint8Array {
  const out = createByteWriter();
  createSpanBodyWriter(out, () => -1).attributes(flat(resource));
  return out.written();
}

/** A span in the form the page's recorder takes. */
export function toRecordable(span: SpanData): OpenRecordable {
  const words = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i));
  };
  const idOf = (bytes: Uint8Array) => {
    const [id0, id1] = words(bytes) as [number, number];
    return { id0, id1 };
  };
  const { flags, traceState } = span;
  const parent = idOf(span.parentSpanId ?? new Uint8Array(8));
  const trace = { words: words(span.traceId), flags, traceState, segmentUs: 0, ...parent };
  const flatten = <T extends { readonly attributes: SpanDataAttributes }>(one: T) => ({
    ...one,
    attributes: flat(one.attributes),
  });
  return {
    ...flatten(span),
    ...idOf(span.spanId),
    events: span.events.map(flatten),
    links: span.links.map((link) => ({
      ids: [...words(link.traceId), ...words(link.spanId)],
      attributes: flat(link.attributes),
    })),
    trace,
    parent: null,
    changed: true,
    heldBytes: 0,
    next: null,
    setAttribute() {},
    end() {},
  };
}

/** Attributes in the form the page's recorder takes. */
export function flat(attributes: SpanDataAttributes): FlatAttributes {
  return attributes.flat() as FlatAttributes;
}
