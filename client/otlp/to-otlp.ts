/** A batch as OTLP. */

import { decodeBatch } from '../../model/batch/decode.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';

/** An `ExportTraceServiceRequest` with the spans of the batch that have ended; null when none has. */
export function toOtlp(batch: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const { resource, spans } = decodeBatch(batch);
  const ended = spans.filter(({ endUs }) => endUs !== null);
  return ended.length === 0 ? null : (encodeTracesData(resource, ended) as Uint8Array<ArrayBuffer>);
}
