/** Reads a request's body with a cap on what arrives and on what it decompresses to. */

import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { MAX_BATCH_BYTES } from '../../model/batch/format.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import { IngestError } from '../errors.ts';
import type { InFlight } from './in-flight.ts';

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

const DECOMPRESS: Readonly<Record<string, Decompress>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  zstd: zstdDecompressSync,
};

/** What a body may be compressed with. */
export const ENCODINGS: readonly string[] = Object.keys(DECOMPRESS);

/** Room made before anything has come: a sender may say that much will come, and send nothing. */
const MAX_FIRST_READ_BYTES = 256 * 1024;

/**
 * The body as sent. Throws IngestError 413 as soon as it is larger than `maxBytes`, 429 when the isolate is busy. Of a body
 * that is not small it reads in one go what the sender declared: left to itself the runtime gives chunks of 4 KiB, and to
 * await each of them costs more than all else that is done to a body.
 */
export async function readBody(request: Request, inFlight: InFlight, maxBytes: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN);
  if (declared > maxBytes) throw tooLarge(`the body has ${declared} bytes, more`, maxBytes);
  if (declared <= MAX_FIRST_READ_BYTES) return readSmall(request, inFlight, maxBytes);
  const reader = request.body?.getReader({ mode: 'byob' });
  const chunks: Uint8Array[] = [];
  let length = 0;
  // One byte more, to see that nothing follows.
  let size = 1 + Math.min(MAX_FIRST_READ_BYTES, maxBytes);
  try {
    while (reader) {
      const { done, value } = await reader.readAtLeast(size, new Uint8Array(size));
      if (done) break;
      length += value.length;
      if (length > maxBytes) throw tooLarge('the body is larger', maxBytes);
      inFlight.take(value.length);
      chunks.push(value);
      if (value.length < size) break;
      size = Math.min(2 * length, maxBytes + 1 - length);
    }
  } catch (error) {
    await reader?.cancel().catch(() => {});
    throw error;
  }
  return concatBytes(chunks);
}

/** HTTP ends a body at its declared length: the runtime may read it all by itself, which is the fastest. */
async function readSmall(request: Request, inFlight: InFlight, maxBytes: number): Promise<Uint8Array> {
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.length > maxBytes) throw tooLarge('the body is larger', maxBytes);
  inFlight.take(body.length);
  return body;
}

/**
 * The body decompressed by its Content-Encoding, of at most `maxBytes` before and after. Throws IngestError 400, 413, 415
 * or 429.
 */
export async function readDecompressedBody(
  request: Request,
  inFlight: InFlight,
  maxBytes: number,
): Promise<Uint8Array> {
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  decoderOf(encoding);
  return decompressBody(await readBody(request, inFlight, maxBytes), encoding, inFlight, maxBytes);
}

/** A body that was read, decompressed. Throws IngestError 400, 413, 415 or 429. */
export function decompressBody(body: Uint8Array, encoding: string, inFlight: InFlight, maxBytes: number): Uint8Array {
  const decoder = decoderOf(encoding);
  if (decoder === null) return body;
  const decompressed = decompress(body, encoding, decoder, maxBytes);
  // Nobody holds what was compressed any longer.
  inFlight.release();
  inFlight.take(decompressed.length);
  return decompressed;
}

/** null for what is not compressed. Throws IngestError 415. */
function decoderOf(encoding: string): Decompress | null {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity') return null;
  if (Object.hasOwn(DECOMPRESS, name)) return DECOMPRESS[name]!;
  const message = `the encoding ${encoding} is not supported: use gzip, deflate, zstd or none`;
  throw new IngestError(415, 'unsupported_encoding', message);
}

/** Content-Type without its parameters, in lower case; empty where there is none. */
export function mediaType(request: Request): string {
  return (request.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
}

/** Inflates the zlib data of a browser batch. Throws IngestError 400 or 413. */
export function inflateBatch(bytes: Uint8Array): Uint8Array {
  return decompress(bytes, 'deflate', inflateSync, MAX_BATCH_BYTES);
}

function decompress(bytes: Uint8Array, encoding: string, decoder: Decompress, maxBytes: number): Uint8Array {
  try {
    // The runtime counts the buffers it grows into, not the output: a limit that is exact would refuse what fits.
    const output = decoder(bytes, { maxOutputLength: 2 * maxBytes });
    if (output.length <= maxBytes) return output;
  } catch (error) {
    // workerd throws a RangeError where Node sets the code ERR_BUFFER_TOO_LARGE.
    if (!(error instanceof RangeError)) {
      throw new IngestError(400, 'malformed_body', `the body is not valid ${encoding} data`);
    }
  }
  throw tooLarge('the decompressed body is larger', maxBytes);
}

function tooLarge(what: string, limit: number): IngestError {
  return new IngestError(413, 'body_too_large', `${what} than the limit of ${limit} bytes: send smaller batches`);
}
