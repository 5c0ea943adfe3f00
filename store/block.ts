/**
 * The R2 block: many kept traces in one immutable object. `docs/block-format.md` describes every byte.
 *
 * ```
 * header │ entry … entry │ section … section │ section table │ trailer
 * ```
 *
 * An entry is one trace's OTLP, compressed, behind a header that names the trace and carries a checksum, so one range
 * read both gives a trace and proves it is the right one. The trailer leads to the section table, and the table to
 * typed sections; a reader skips types it does not know, so later sections need no new version.
 */

import { formatHex, parseHex } from '../model/ids.ts';
import {
  type BlockTrace,
  ENTRY_HEADER_BYTES,
  type EncodedEntry,
  encodeBlockEntry,
  TRACE_ID_BYTES,
} from './block-entry.ts';
import {
  BLOCK_VERSION,
  checkSection,
  compressSection,
  decodeSectionTable,
  decompressSection,
  encodeSections,
  HEADER_BYTES,
  MAGIC,
  SECTIONS,
  type SectionPlace,
  TRAILER_BYTES,
} from './block-sections.ts';
import { encodeBloom } from './bloom.ts';
import { collectTerms } from './collect-terms.ts';
import { BlockError } from './errors.ts';
import { decodeTerms, encodeTerms, type TermIndex } from './term-index.ts';

const INDEX_RECORD_BYTES = 32;

/** Where a trace is in a block. */
export interface BlockEntry {
  readonly traceId: string;
  /** Of the entry, its header included, from the block's first byte. */
  readonly offset: number;
  /** In the block, the entry's header included. */
  readonly length: number;
  /** Of the OTLP after decompression. */
  readonly rawLength: number;
  /** CRC-32 of the OTLP. */
  readonly checksum: number;
}

/** A block's own table of what is in it, ascending by trace id. */
export interface BlockIndex {
  readonly version: number;
  readonly entries: ReadonlyMap<string, BlockEntry>;
}

/** A block as it goes to R2. */
export interface EncodedBlock {
  readonly bytes: Uint8Array;
  /** In the order of the block. */
  readonly entries: readonly BlockEntry[];
  /** The filter of its terms, null when it rules nothing out. */
  readonly bloom: Uint8Array | null;
}

/**
 * Encodes traces in the order given; the same traces give the same bytes within one zstd version.
 * @throws RangeError for a trace id that is none or comes twice, or a trace that is too large
 */
export function encodeBlock(traces: readonly BlockTrace[]): EncodedBlock {
  const sorted = traces.toSorted((a, b) => (a.traceId < b.traceId ? -1 : 1));
  return assembleBlock(traces.map(encodeBlockEntry), collectTerms(sorted.map((trace) => trace.otlp)));
}

/** A block of entries that are encoded already. `terms` name traces by their places in the order of trace ids. */
export function assembleBlock(encoded: readonly EncodedEntry[], terms: TermIndex | null): EncodedBlock {
  const entries: BlockEntry[] = [];
  let offset = HEADER_BYTES;
  for (const { traceId, bytes, rawLength, checksum } of encoded) {
    entries.push({ traceId, offset, length: bytes.length, rawLength, checksum });
    offset += bytes.length;
  }
  const bloom = terms && encodeBloom(terms);
  const end = encodeSections(
    [
      { type: SECTIONS.traceIndex, payload: encodeIndex(entries) },
      ...(terms ? [{ type: SECTIONS.terms, payload: compressSection(encodeTerms(terms)) }] : []),
      ...(bloom ? [{ type: SECTIONS.bloom, payload: bloom }] : []),
    ],
    offset,
  );
  const bytes = new Uint8Array(offset + end.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, BLOCK_VERSION, true);
  for (const [i, entry] of entries.entries()) bytes.set(encoded[i]!.bytes, entry.offset);
  bytes.set(end, offset);
  return { bytes, entries, bloom };
}

/**
 * Reads the index of a whole block. The traces themselves are checked when they are read.
 * @throws BlockError
 */
export function decodeBlockIndex(block: Uint8Array): BlockIndex {
  const { version, places } = decodeWholeTable(block);
  const place = places.find(({ type }) => type === SECTIONS.traceIndex);
  if (!place) throw new BlockError('no_trace_index', `in ${places.length} sections`);
  return { version, entries: decodeIndexSection(sectionOf(block, place), place) };
}

/** The terms of a whole block, null when it was written without. @throws BlockError */
export function decodeBlockTerms(block: Uint8Array): TermIndex | null {
  const place = decodeWholeTable(block).places.find(({ type }) => type === SECTIONS.terms);
  return place ? decodeTermsSection(sectionOf(block, place), place) : null;
}

/** @throws BlockError */
export function decodeTermsSection(payload: Uint8Array, place: SectionPlace): TermIndex {
  return decodeTerms(decompressSection(checkSection(payload, place)));
}

/** @throws BlockError */
export function decodeIndexSection(payload: Uint8Array, place: SectionPlace): BlockIndex['entries'] {
  return decodeIndex(checkSection(payload, place), place.offset);
}

function decodeWholeTable(block: Uint8Array): { version: number; places: SectionPlace[] } {
  if (block.length < HEADER_BYTES + TRAILER_BYTES) throw new BlockError('too_short', `${block.length} bytes`);
  const view = viewOf(block);
  if (view.getUint32(0, true) !== MAGIC) throw new BlockError('bad_magic', 'in the header');
  const table = decodeSectionTable(block, block.length);
  const version = view.getUint32(4, true);
  if (version !== table.version) throw new BlockError('unknown_version', `${version} in the header`);
  return table;
}

function encodeIndex(entries: readonly BlockEntry[]): Uint8Array {
  const sorted = entries.toSorted((a, b) => (a.traceId < b.traceId ? -1 : 1));
  const bytes = new Uint8Array(4 + sorted.length * INDEX_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sorted.length, true);
  for (const [i, entry] of sorted.entries()) {
    if (entry.traceId === sorted[i - 1]?.traceId) throw new RangeError(`block: trace ${entry.traceId} comes twice`);
    const record = 4 + i * INDEX_RECORD_BYTES;
    bytes.set(parseHex(entry.traceId)!, record);
    view.setUint32(record + 16, entry.offset, true);
    view.setUint32(record + 20, entry.length, true);
    view.setUint32(record + 24, entry.rawLength, true);
    view.setUint32(record + 28, entry.checksum, true);
  }
  return bytes;
}

/** `entriesEnd`: the offset in the block before which all entries must end. */
function decodeIndex(payload: Uint8Array, entriesEnd: number): Map<string, BlockEntry> {
  const view = viewOf(payload);
  if (payload.length < 4 || payload.length !== 4 + view.getUint32(0, true) * INDEX_RECORD_BYTES) {
    throw new BlockError('bad_trace_index', `of ${payload.length} bytes`);
  }
  const entries = new Map<string, BlockEntry>();
  for (let record = 4; record < payload.length; record += INDEX_RECORD_BYTES) {
    const entry: BlockEntry = {
      traceId: formatHex(payload, record, TRACE_ID_BYTES),
      offset: view.getUint32(record + 16, true),
      length: view.getUint32(record + 20, true),
      rawLength: view.getUint32(record + 24, true),
      checksum: view.getUint32(record + 28, true),
    };
    const fits = entry.offset >= HEADER_BYTES && entry.offset + entry.length <= entriesEnd;
    if (!fits || entry.length < ENTRY_HEADER_BYTES || entries.has(entry.traceId)) {
      throw new BlockError('bad_trace_index', `at trace ${entry.traceId}`);
    }
    entries.set(entry.traceId, entry);
  }
  return entries;
}

function sectionOf(block: Uint8Array, { offset, length }: SectionPlace): Uint8Array {
  return block.subarray(offset, offset + length);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
