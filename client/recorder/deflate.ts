/** Compresses the payload of a batch where that pays and the platform can. */

import { DEFLATED, HEADER_BYTES } from '../../model/batch/format.ts';

const MIN_BYTES = 512;

/** The same batch, deflated; or `bytes` themselves when they are few, or that cannot be. */
export async function deflateBatch(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return bytes.length < MIN_BYTES ? bytes : deflate(bytes).catch(() => bytes);
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes.subarray(HEADER_BYTES)]).stream().pipeThrough(new CompressionStream('deflate'));
  const payload = new Uint8Array(await new Response(stream).arrayBuffer());
  const deflated = new Uint8Array(HEADER_BYTES + payload.length);
  deflated.set(bytes.subarray(0, HEADER_BYTES));
  deflated[5] = deflated[5]! | DEFLATED;
  deflated.set(payload, HEADER_BYTES);
  return deflated;
}
