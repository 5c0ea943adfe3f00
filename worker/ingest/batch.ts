/** `POST /v1/batch`: what pages send, beacons included (`docs/wire-format.md`). */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Batch } from '../../model/batch/batch.ts';
import { BatchError } from '../../model/batch/batch-error.ts';
import { decodeBatch, parseBatchHeader } from '../../model/batch/decode.ts';
import { MAX_BATCH_BYTES } from '../../model/batch/format.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import type { ClientCount, ClientDropReason } from '../../model/reasons.ts';
import { SLICE_GOODBYE, SLICE_HAS_UNSAMPLED } from '../../model/slice-frame.ts';
import { countDropped, countOfPages } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { inflateBatch, readBody } from './body.ts';
import { describePage } from './enrich.ts';
import type { InFlight } from './in-flight.ts';
import { Rejections } from './rejections.ts';
import { takeTraces } from './take.ts';
import { TraceSizes } from './trace-sizes.ts';

const sizes = new TraceSizes();

/** Answers `{rejected, message?}`: how many spans were not taken, and why the first of them was not. */
export async function ingestBatch(
  c: Context<{ Bindings: Env }>,
  config: CurrentConfig,
  inFlight: InFlight,
): Promise<Response> {
  const batch = readBatch(await readBody(c.req.raw, inFlight, MAX_BATCH_BYTES));
  const resource = describePage(batch.resource, c.req.raw, batch.sentUs, c.req.query('offset'), config.ingest);
  const rejections = new Rejections();
  const flags = (batch.goodbye ? SLICE_GOODBYE : 0) | (batch.hasUnsampled ? SLICE_HAS_UNSAMPLED : 0);
  const arrival = { protocol: 'batch', sender: c.var.caller, what: 'a Tailrace batch', flags } as const;
  await takeTraces(c.env, config, encodeTracesData(resource, batch.spans), arrival, rejections);
  c.set('stopped', sizes.add(batch.spans, config.sdk.maxTraceSpans));
  // Counted once the batch is in: one that is refused comes again with the same numbers.
  for (const [reason, spans] of Object.entries(batch.dropped)) countDropped(reason as ClientDropReason, spans);
  for (const [what, spans] of Object.entries(batch.counts)) countOfPages(what as ClientCount, spans);
  const { count, firstMessage } = rejections;
  return Response.json({ rejected: count, ...(firstMessage === null ? {} : { message: firstMessage }) });
}

function readBatch(bytes: Uint8Array): Batch {
  try {
    const { deflated, payload } = parseBatchHeader(bytes);
    return decodeBatch(bytes, deflated ? inflateBatch(payload) : undefined);
  } catch (error) {
    if (error instanceof BatchError) {
      if (error.code === 'too_large') throw new IngestError(413, 'body_too_large', error.message);
      throw new IngestError(400, 'malformed_body', `the body is not a Tailrace batch: ${error.message}`);
    }
    throw error;
  }
}
