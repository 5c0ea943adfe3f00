/** `POST /v1/batch`: what pages send, beacons included (`docs/wire-format.md`). */

import type { Context } from 'hono';
import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Batch } from '../../model/batch/batch.ts';
import { BatchError } from '../../model/batch/batch-error.ts';
import { decodeBatch, parseBatchHeader } from '../../model/batch/decode.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import type { ClientDropReason } from '../../model/reasons.ts';
import { SLICE_FROM_PAGE, SLICE_GOODBYE } from '../../model/slice-frame.ts';
import { countDropped, countReceived, countRejected } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { appendTable } from './append.ts';
import { inflateBatch, readBody } from './body.ts';
import { tableRejections } from './rejections.ts';

/** Answers `{rejected, message?}`: how many spans were not taken, and why the first of them was not. */
export async function ingestBatch(c: Context<{ Bindings: Env }>, config: Config): Promise<Response> {
  const batch = readBatch(await readBody(c.req.raw));
  const table = scanTraces(encodeTracesData(batch.resource, batch.spans));
  countReceived('batch', table.count);
  await appendTable(c.env, config, table, SLICE_FROM_PAGE | (batch.goodbye ? SLICE_GOODBYE : 0));
  // Counted once the batch is in: one that is refused comes again with the same numbers.
  for (const [reason, spans] of Object.entries(batch.dropped)) countDropped(reason as ClientDropReason, spans);
  const rejections = tableRejections(table);
  for (const { reason } of rejections) countRejected(reason);
  const [first] = rejections;
  return Response.json({ rejected: rejections.length, ...(first ? { message: first.message } : {}) });
}

function readBatch(bytes: Uint8Array): Batch {
  try {
    const { deflated, payload } = parseBatchHeader(bytes);
    return decodeBatch(bytes, deflated ? inflateBatch(payload) : undefined);
  } catch (error) {
    if (error instanceof BatchError) {
      throw new IngestError(400, 'malformed_body', `the body is not a Tailrace batch: ${error.message}`);
    }
    throw error;
  }
}
