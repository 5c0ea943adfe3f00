/**
 * Writes the protobuf wire format (https://protobuf.dev/programming-guides/encoding/) into one growing buffer.
 * A nested message is begun, filled and ended; its length is put in place at the end, so nothing is encoded twice.
 */

const encoder = new TextEncoder();

/** What is shorter is copied faster in a loop than by a call. */
const SHORT_BYTES = 48;

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

export class ProtoWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private position = 0;

  constructor(initialBytes = 4096) {
    this.buffer = new Uint8Array(initialBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  get length(): number {
    return this.position;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.position);
  }

  /** Forgets what was written and keeps the buffer. */
  reset(): void {
    this.position = 0;
  }

  /** Forgets what was written after `length`, to take back a message that turned out to be wrong. */
  truncate(length: number): void {
    this.position = length;
  }

  /** Begins a nested message; pass the result to `end`. */
  begin(field: number): number {
    this.varint((field << 3) | BYTES);
    this.reserve(1);
    return ++this.position;
  }

  end(start: number): void {
    const length = this.position - start;
    const extra = varintLength(length) - 1;
    if (extra > 0) {
      this.reserve(extra);
      this.buffer.copyWithin(start + extra, start, this.position);
    }
    this.position = start - 1;
    this.varint(length);
    this.position += length;
  }

  bytesField(field: number, bytes: Uint8Array): void {
    this.varint((field << 3) | BYTES);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  stringField(field: number, text: string): void {
    if (this.tryShortAscii(field, text)) return;
    const start = this.begin(field);
    this.reserve(text.length * 3);
    const { written } = encoder.encodeInto(text, this.buffer.subarray(this.position));
    this.position += written;
    this.end(start);
  }

  /** Most texts; calling an encoder for each takes several times as long. False, and nothing is written, for others. */
  private tryShortAscii(field: number, text: string): boolean {
    const { length } = text;
    if (length > 0x7f) return false;
    const before = this.position;
    this.varint((field << 3) | BYTES);
    this.reserve(1 + length);
    const { buffer } = this;
    let at = this.position;
    buffer[at++] = length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.position = before;
        return false;
      }
      buffer[at++] = code;
    }
    this.position = at;
    return true;
  }

  /** `value` is an unsigned integer up to 2^53. */
  varintField(field: number, value: number): void {
    this.varint(field << 3);
    this.varint(value);
  }

  /** Any 64-bit integer, negative ones in two's complement as protobuf's int64 has it. */
  int64Field(field: number, value: bigint): void {
    this.varint(field << 3);
    let rest = BigInt.asUintN(64, value);
    this.reserve(10);
    while (rest > 0x7fn) {
      this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.position++] = Number(rest);
  }

  doubleField(field: number, value: number): void {
    this.varint((field << 3) | FIXED64);
    this.reserve(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  fixed32Field(field: number, value: number): void {
    this.varint((field << 3) | FIXED32);
    this.reserve(4);
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  fixed64Field(field: number, value: bigint): void {
    this.varint((field << 3) | FIXED64);
    this.reserve(8);
    this.view.setBigUint64(this.position, value, true);
    this.position += 8;
  }

  /** Writes microseconds (fractions allowed, at least 0) as a fixed64 number of nanoseconds, in 32-bit halves. */
  microsField(field: number, us: number): void {
    const whole = Math.floor(us);
    const low = (whole % 4294967296) * 1000 + Math.round((us - whole) * 1000);
    this.varint((field << 3) | FIXED64);
    this.reserve(8);
    this.view.setUint32(this.position, low % 4294967296, true);
    this.view.setUint32(this.position + 4, Math.floor(whole / 4294967296) * 1000 + Math.floor(low / 4294967296), true);
    this.position += 8;
  }

  /** Appends bytes that are already encoded. */
  raw(bytes: Uint8Array): void {
    this.copy(bytes, 0, bytes.length);
  }

  /** Appends a range of bytes that are already encoded. */
  copy(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    if (end - start > SHORT_BYTES) this.buffer.set(bytes.subarray(start, end), this.position);
    else for (let i = start, at = this.position; i < end; ) this.buffer[at++] = bytes[i++]!;
    this.position += end - start;
  }

  varint(value: number): void {
    this.reserve(8);
    if (value < 0x80) {
      this.buffer[this.position++] = value;
      return;
    }
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.position++] = rest;
  }

  private reserve(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.position + bytes));
    // All of it: `end` goes back to where a message begins.
    grown.set(this.buffer);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** Bytes a varint of `value` takes. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let length = 3;
  for (let rest = Math.floor(value / 0x20_0000); rest > 0; rest = Math.floor(rest / 128)) length++;
  return length;
}
