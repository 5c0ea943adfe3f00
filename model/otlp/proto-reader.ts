/**
 * Walks the protobuf wire format in place, bounds-checked: every read names what it wanted and where.
 * Only what the scanner needs; whole messages are decoded by @bufbuild/protobuf.
 */

import { BYTES, FIXED32, FIXED64, VARINT } from './proto-writer.ts';

/** The bytes are not what they should be. `offset` counts from the start of the message that was given. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

/** The message is well-formed and has more of something than one request may have. */
export class TooManyError extends Error {
  override readonly name = 'TooManyError';
}

/** The fixed64 number of nanoseconds at `at` in microseconds, rounded down. */
export function microsAt(view: DataView, at: number): number {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  const highQuotient = Math.floor(high / 1000);
  return highQuotient * 4294967296 + Math.floor(((high - highQuotient * 1000) * 4294967296 + low) / 1000);
}

/**
 * A cursor over fields. `next(end)` reads one field's tag and finds its value; then `field`, `wireType`, and either
 * `valueStart`/`valueEnd` (length-delimited and fixed fields) or `varint` (varint fields) describe it.
 */
export class ProtoReader {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  position: number;
  field = 0;
  wireType = 0;
  valueStart = 0;
  valueEnd = 0;
  /** Value of a varint field, exact up to 2^53 and rounded beyond. */
  varint = 0;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
  }

  /** Reads the next field of a message that ends at `end`; false when the message is over. */
  next(end: number): boolean {
    const at = this.position;
    if (at >= end) return false;
    // Nearly every field: a tag of one byte, then a length of one or two.
    if (at + 3 <= end) {
      const { bytes } = this;
      const tag = bytes[at]!;
      let length = bytes[at + 1]!;
      let start = at + 2;
      if (length > 0x7f) length += (bytes[start++]! << 7) - 0x80;
      if ((tag & 0x87) === BYTES && tag > 7 && length < 0x4000 && start + length <= end) {
        this.field = tag >> 3;
        this.wireType = BYTES;
        this.valueStart = start;
        this.position = this.valueEnd = start + length;
        return true;
      }
    }
    return this.nextOfAnyKind(end);
  }

  private nextOfAnyKind(end: number): boolean {
    const at = this.position;
    const tag = this.readVarint(end);
    if (tag > 0xffffffff) throw new ProtoError('tag is larger than 32 bits', at);
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.field === 0) throw new ProtoError('field number is 0', at);
    switch (this.wireType) {
      case VARINT:
        this.valueStart = this.position;
        this.varint = this.readVarint(end);
        break;
      case FIXED64:
        this.valueStart = this.position;
        this.position += 8;
        break;
      case BYTES: {
        const length = this.readVarint(end);
        this.valueStart = this.position;
        this.position += length;
        break;
      }
      case FIXED32:
        this.valueStart = this.position;
        this.position += 4;
        break;
      default:
        throw new ProtoError(`field ${this.field} has unsupported wire type ${this.wireType}`, at);
    }
    if (this.position > end) {
      throw new ProtoError(`field ${this.field} ends ${this.position - end} bytes after its message`, at);
    }
    this.valueEnd = this.position;
    return true;
  }

  /** The current fixed64 value in microseconds, rounded down from nanoseconds. */
  fixed64Micros(): number {
    return microsAt(this.view, this.valueStart);
  }

  private readVarint(end: number): number {
    const at = this.position;
    if (at < end && this.bytes[at]! < 0x80) {
      this.position = at + 1;
      return this.bytes[at]!;
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.position >= end) throw new ProtoError('number is cut off', at);
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new ProtoError('number is longer than 10 bytes', at);
  }
}
