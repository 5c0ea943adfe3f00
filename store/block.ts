/**
 * The R2 block: many kept traces in one immutable object. `docs/block-format.md` describes every byte.
 *
 * ```
 * header │ entry … entry │ section … section │ section table │ trailer
 * ```
 *
 * An entry is one trace's OTLP, compressed as one or more zstd frames, behind a header that names the trace and carries a checksum, so one range
 * read both gives a trace and proves it is the right one. The trailer leads to the section table, and the table to
 * typed sections; a reader skips types it does not know, so later sections need no new version.
 */

import { crc32 } from 'node:zlib';
import { formatHex, isTraceId, parseHex } from '../model/ids.ts';
import { BlockError } from './errors.ts';
import { compressFrames, decompressFrames } from './frames.ts';

/** `TRB1`, read as a little-endian number. */
const MAGIC = 0x31425254;
export const BLOCK_VERSION = 1;
const HEADER_BYTES = 8;
const ENTRY_HEADER_BYTES = 28;
const INDEX_RECORD_BYTES = 32;
const SECTION_RECORD_BYTES = 16;
const TRAILER_BYTES = 24;
const TRACE_ID_BYTES = 16;
/** Section types. Numbers are never reused. */
const SECTION_TRACE_INDEX = 1;
const MAX_SECTIONS = 64;
/** What one entry may decompress to. A length beyond it in a block is a fault, not a reason to allocate. */
export const MAX_ENTRY_RAW_BYTES = 64 * 1024 * 1024;

/** One trace to put in a block. */
export interface BlockTrace {
  /** 32 lower-case hex digits, once in a block. */
  readonly traceId: string;
  /** OTLP `TracesData`, at most `MAX_ENTRY_RAW_BYTES`. */
  readonly otlp: Uint8Array;
}

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

/** A block's own table of what is in it, by trace id. */
export interface BlockIndex {
  readonly version: number;
  readonly entries: ReadonlyMap<string, BlockEntry>;
}

/**
 * Encodes traces in the order given; the same traces give the same bytes within one zstd version.
 * @throws RangeError for a trace id that is none or comes twice, or a trace that is too large
 */
export function encodeBlock(traces: readonly BlockTrace[]): { bytes: Uint8Array; entries: BlockEntry[] } {
  const bodies = traces.map((trace) => {
    if (!isTraceId(trace.traceId)) throw new RangeError(`block: ${JSON.stringify(trace.traceId)} is not a trace id`);
    if (trace.otlp.length > MAX_ENTRY_RAW_BYTES) {
      throw new RangeError(`block: trace ${trace.traceId} has ${trace.otlp.length} bytes, more than an entry may hold`);
    }
    return compressFrames(trace.otlp);
  });
  const entries: BlockEntry[] = [];
  let offset = HEADER_BYTES;
  for (const [i, trace] of traces.entries()) {
    const [first, ...further] = bodies[i]!;
    const length = further.reduce((sum, frame) => sum + 4 + frame.length, ENTRY_HEADER_BYTES + first!.length);
    const checksum = crc32(trace.otlp);
    entries.push({ traceId: trace.traceId, offset, length, rawLength: trace.otlp.length, checksum });
    offset += length;
  }
  const sections = [{ type: SECTION_TRACE_INDEX, payload: encodeIndex(entries) }];
  const sectionBytes = sections.reduce((sum, section) => sum + section.payload.length, 0);
  const bytes = new Uint8Array(offset + sectionBytes + sections.length * SECTION_RECORD_BYTES + TRAILER_BYTES);
  const view = new DataView(bytes.buffer);

  view.setUint32(0, MAGIC, true);
  view.setUint32(4, BLOCK_VERSION, true);
  for (const [i, entry] of entries.entries()) {
    bytes.set(parseHex(entry.traceId)!, entry.offset);
    const [first, ...further] = bodies[i]!;
    view.setUint32(entry.offset + 16, first!.length, true);
    view.setUint32(entry.offset + 20, entry.rawLength, true);
    view.setUint32(entry.offset + 24, entry.checksum, true);
    let at = entry.offset + ENTRY_HEADER_BYTES;
    bytes.set(first!, at);
    at += first!.length;
    for (const frame of further) {
      view.setUint32(at, frame.length, true);
      bytes.set(frame, at + 4);
      at += 4 + frame.length;
    }
  }
  const tableOffset = offset + sectionBytes;
  for (const [i, { type, payload }] of sections.entries()) {
    const record = tableOffset + i * SECTION_RECORD_BYTES;
    bytes.set(payload, offset);
    view.setUint32(record, type, true);
    view.setUint32(record + 4, offset, true);
    view.setUint32(record + 8, payload.length, true);
    view.setUint32(record + 12, crc32(payload), true);
    offset += payload.length;
  }
  const trailer = bytes.length - TRAILER_BYTES;
  view.setUint32(trailer, tableOffset, true);
  view.setUint32(trailer + 4, sections.length, true);
  view.setUint32(trailer + 8, crc32(bytes.subarray(tableOffset, trailer)), true);
  view.setUint32(trailer + 12, bytes.length, true);
  view.setUint32(trailer + 16, BLOCK_VERSION, true);
  view.setUint32(trailer + 20, MAGIC, true);
  return { bytes, entries };
}

/**
 * Reads the index of a whole block. The traces themselves are checked when they are read.
 * @throws BlockError
 */
export function decodeBlockIndex(block: Uint8Array): BlockIndex {
  if (block.length < HEADER_BYTES + TRAILER_BYTES) throw new BlockError('too_short', `${block.length} bytes`);
  const view = viewOf(block);
  const trailer = block.length - TRAILER_BYTES;
  if (view.getUint32(0, true) !== MAGIC) throw new BlockError('bad_magic', 'in the header');
  if (view.getUint32(trailer + 20, true) !== MAGIC) throw new BlockError('bad_magic', 'in the trailer');
  const version = view.getUint32(4, true);
  if (version !== BLOCK_VERSION || view.getUint32(trailer + 16, true) !== version) {
    throw new BlockError('unknown_version', `${version}, this reader knows ${BLOCK_VERSION}`);
  }
  const declared = view.getUint32(trailer + 12, true);
  if (declared !== block.length) throw new BlockError('bad_length', `${block.length} bytes, ${declared} expected`);
  const tableOffset = view.getUint32(trailer, true);
  const count = view.getUint32(trailer + 4, true);
  if (count > MAX_SECTIONS || tableOffset < HEADER_BYTES || tableOffset + count * SECTION_RECORD_BYTES !== trailer) {
    throw new BlockError('bad_section_table', `${count} sections at ${tableOffset}`);
  }
  if (crc32(block.subarray(tableOffset, trailer)) !== view.getUint32(trailer + 8, true)) {
    throw new BlockError('bad_checksum', 'of the section table');
  }
  for (let record = tableOffset; record < trailer; record += SECTION_RECORD_BYTES) {
    const offset = view.getUint32(record + 4, true);
    const length = view.getUint32(record + 8, true);
    if (offset < HEADER_BYTES || offset + length > tableOffset) {
      throw new BlockError('bad_section_table', `a section of ${length} bytes at ${offset}`);
    }
    if (view.getUint32(record, true) !== SECTION_TRACE_INDEX) continue;
    const payload = block.subarray(offset, offset + length);
    if (crc32(payload) !== view.getUint32(record + 12, true)) {
      throw new BlockError('bad_checksum', 'of the trace index');
    }
    return { version, entries: decodeIndex(payload, offset) };
  }
  throw new BlockError('no_trace_index', `in ${count} sections`);
}

/**
 * The OTLP of one trace from exactly its entry's bytes, as a range read gives them.
 * @throws BlockError when they are anything but that trace's entry, whole and undamaged
 */
export function decodeBlockEntry(bytes: Uint8Array, traceId: string): Uint8Array {
  if (bytes.length < ENTRY_HEADER_BYTES) throw new BlockError('too_short', `an entry of ${bytes.length} bytes`);
  const view = viewOf(bytes);
  const found = formatHex(bytes, 0, TRACE_ID_BYTES);
  if (found !== traceId) throw new BlockError('wrong_trace', `${found} where ${traceId} should be`);
  const frames: Uint8Array[] = [];
  for (let at = ENTRY_HEADER_BYTES, lengthAt = 16; at < bytes.length || frames.length === 0; ) {
    const end = at + view.getUint32(lengthAt, true);
    if (end > bytes.length || (end < bytes.length && end + 4 > bytes.length)) {
      throw new BlockError('bad_length', `an entry of ${bytes.length} bytes with a frame that ends at ${end}`);
    }
    frames.push(bytes.subarray(at, end));
    lengthAt = end;
    at = end < bytes.length ? end + 4 : end;
  }
  const rawLength = view.getUint32(20, true);
  if (rawLength > MAX_ENTRY_RAW_BYTES) throw new BlockError('too_large', `${rawLength} bytes uncompressed`);
  const otlp = decompressFrames(frames, rawLength);
  if (crc32(otlp) !== view.getUint32(24, true)) throw new BlockError('bad_checksum', `of trace ${traceId}`);
  return otlp;
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

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
