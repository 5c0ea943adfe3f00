/** Blocks in R2: written once, read by range. */

import { crc32 } from 'node:zlib';
import { assembleBlock, type BlockEntry, decodeBlockIndex, type EncodedBlock } from './block.ts';
import { type BlockTrace, decodeBlockEntry, type EncodedEntry, encodeBlockEntry } from './block-entry.ts';
import { collectTerms } from './collect-terms.ts';
import { BlockError, StoreError } from './errors.ts';
import type { TracePart } from './store.ts';
import type { PartPlace } from './trace-row.ts';

const TRACES_PER_TURN = 32;

/** A block that is in R2. */
export interface StoredBlock {
  readonly blockKey: string;
  /** Of the object that holds it. */
  readonly suffix: string;
  /** What was written under the key; see `contentOf`. */
  readonly content: number;
  readonly bytes: number;
  readonly entries: ReadonlyMap<string, BlockEntry>;
  /** The filter of its terms, null when it rules nothing out. */
  readonly bloom: Uint8Array | null;
}

/**
 * Puts the traces under a key unless the same ones are there already. A block is never overwritten: rows may point into it,
 * and another version of zstd would move what they point to.
 * @throws StoreError `unavailable`, `block_corrupt`, or `block_conflict` when the key holds something else
 */
export async function putBlock(
  bucket: R2Bucket,
  blockKey: string,
  traces: readonly Pick<TracePart, 'traceId' | 'otlp'>[],
): Promise<StoredBlock> {
  const { bytes, entries, bloom } = await encodeInTurns(traces);
  const byTrace = new Map(entries.map((entry) => [entry.traceId, entry]));
  const content = contentOf(entries);
  const put = bucket.put(blockKey, bytes, { onlyIf: { etagDoesNotMatch: '*' } });
  if ((await orUnavailable(blockKey, put)) !== null) {
    return { blockKey, suffix: '', content, bytes: bytes.length, entries: byTrace, bloom };
  }

  const earlier = await readObject(bucket, blockKey).catch((error) => {
    if (!(error instanceof StoreError) || error.fault !== 'block_missing') throw error;
    throw new StoreError('unavailable', blockKey, 'the block went away while it was written');
  });
  const index = orCorrupt(blockKey, () => decodeBlockIndex(earlier));
  const isSame = ({ traceId, rawLength, checksum }: BlockEntry) => {
    const found = index.entries.get(traceId);
    return found?.rawLength === rawLength && found.checksum === checksum;
  };
  if (index.entries.size !== entries.length || !entries.every(isSame)) {
    throw new StoreError('block_conflict', blockKey, 'the key already holds other traces');
  }
  // The same traces have the same terms.
  return { blockKey, suffix: '', content, bytes: earlier.length, entries: index.entries, bloom };
}

/** As `encodeBlock`, with a pause after every few traces: what else the isolate has to do does not wait for all of them. */
async function encodeInTurns(traces: readonly BlockTrace[]): Promise<EncodedBlock> {
  const encoded: EncodedEntry[] = [];
  for (const [i, trace] of traces.entries()) {
    encoded.push(encodeBlockEntry(trace));
    if (i % TRACES_PER_TURN === TRACES_PER_TURN - 1) await scheduler.wait(0);
  }
  const sorted = traces.toSorted((a, b) => (a.traceId < b.traceId ? -1 : 1));
  return assembleBlock(encoded, collectTerms(sorted.map((trace) => trace.otlp)));
}

/** A number that tells whether two writes were of the same traces. */
export function contentOf(entries: readonly Pick<BlockEntry, 'traceId' | 'rawLength' | 'checksum'>[]): number {
  const lines = entries.map(({ traceId, rawLength, checksum }) => `${traceId} ${rawLength} ${checksum}`);
  return crc32(lines.sort().join());
}

/**
 * All bytes of a block.
 * @throws StoreError `unavailable`, `block_missing`
 */
export async function readObject(bucket: R2Bucket, objectKey: string): Promise<Uint8Array> {
  const object = await orUnavailable(objectKey, bucket.get(objectKey));
  if (object === null) throw new StoreError('block_missing', objectKey, 'all of it was asked for');
  return new Uint8Array(await orUnavailable(objectKey, object.arrayBuffer()));
}

/**
 * The OTLP of one part, by one range read.
 * @throws StoreError `unavailable`, `block_missing`, or `block_corrupt`
 */
export async function readPart(bucket: R2Bucket, traceId: string, place: PartPlace): Promise<Uint8Array> {
  const { objectKey: blockKey, offset, length } = place;
  const object = await bucket.get(blockKey, { range: { offset, length } }).catch(async (cause: unknown) => {
    // A range beyond the end is an error like a lost connection; the size tells them apart.
    const head = await orUnavailable(blockKey, bucket.head(blockKey));
    if (head !== null && head.size < offset + length) {
      throw new StoreError(
        'block_corrupt',
        blockKey,
        `${head.size} bytes, trace ${traceId} ends at ${offset + length}`,
      );
    }
    throw new StoreError('unavailable', blockKey, String(cause), { cause });
  });
  if (object === null) throw new StoreError('block_missing', blockKey, `it should hold trace ${traceId}`);
  const bytes = new Uint8Array(await orUnavailable(blockKey, object.arrayBuffer()));
  return orCorrupt(blockKey, () => decodeBlockEntry(bytes, traceId));
}

export async function orUnavailable<T>(blockKey: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw new StoreError('unavailable', blockKey, String(cause), { cause });
  }
}

export function orCorrupt<T>(blockKey: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof BlockError)) throw cause;
    throw new StoreError('block_corrupt', blockKey, cause.message, { cause });
  }
}
