/** Batches made the way a page makes them: recorded into a ring, read, encoded. */

import { encodeBatch } from '../../client/recorder/batcher.ts';
import { createClaim, DRAIN } from '../../client/recorder/claim.ts';
import { createMemory } from '../../client/recorder/memory.ts';
import { type PendingRecord, readPending } from '../../client/recorder/pending.ts';
import { createRecordWriter } from '../../client/recorder/record.ts';
import type { OpenRecordable } from '../../client/recorder/recordable.ts';
import { createRing } from '../../client/recorder/ring.ts';
import { createStringTable } from '../../client/recorder/strings.ts';
import type { Batch } from '../../model/batch/batch.ts';
import { createSpanBodyWriter } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { SpanData } from '../../model/span-data.ts';

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
  const { spans = [], resource = [], dropped = {}, goodbye = false } = batch;
  const buffer = createMemory(false, 4 * 1024 * 1024);
  const ring = createRing(buffer);
  const claim = createClaim(buffer, DRAIN);
  const write = createRecordWriter(ring, createStringTable(buffer));
  for (const span of spans) if (!write(toRecordable(span))) throw new Error('the ring is full');
  claim.check();
  const records = readPending(ring, claim, claim.position, 2 ** 31)?.records ?? [];
  if (order) records.sort(order);
  const out = createByteWriter();
  createSpanBodyWriter(out, () => -1).attributes(resource);
  const losses = CLIENT_DROP_REASONS.map((reason) => dropped[reason] ?? 0);
  return encodeBatch({ buffer, config: { url: '', resource: out.written() }, records, losses, goodbye, maxBytes });
}

/** A span in the form the page's recorder takes. */
export function toRecordable(span: SpanData): OpenRecordable {
  const words = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i));
  };
  const [parent0, parent1] = words(span.parentSpanId ?? new Uint8Array(8)) as [number, number];
  const [id0, id1] = words(span.spanId) as [number, number];
  const trace = { words: words(span.traceId), flags: span.flags, traceState: span.traceState, segmentUs: 0 };
  return { ...span, changed: true, id0, id1, place: { trace, parent0, parent1, parent: null } };
}
