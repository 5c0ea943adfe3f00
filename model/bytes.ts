/**
 * A growing writer and a bounds-checked reader of bytes: LEB128 varints, zigzag, little-endian doubles, UTF-8.
 * Integers are JavaScript numbers up to 2^53 - 1, so none of this needs BigInt.
 */

const encoder = /* @__PURE__ */ new TextEncoder();
/** Longer text gets bytes of its own; allocating them is what costs. */
const SHORT_CHARS = 128;
const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const scratch = /* @__PURE__ */ new Uint8Array(3 * SHORT_CHARS);

/** UTF-8 of `text`, valid until the next call; lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  if (text.length > SHORT_CHARS) return encoder.encode(text);
  return scratch.subarray(0, encoder.encodeInto(text, scratch).written);
}

export interface ByteWriter {
  readonly length: number;
  /** Forgets what was written after `length`. */
  truncate(length: number): void;
  /** A view of what was written, valid until the next write. */
  written(): Uint8Array<ArrayBuffer>;
  u8(value: number): void;
  /** `value` is an integer from 0 to 2^53 - 1; larger ones become that. */
  varint(value: number): void;
  /** A signed integer of at most 52 bits, small magnitudes short. */
  zigzag(value: number): void;
  f64(value: number): void;
  /** 32 bits, big-endian as in an id. */
  id(word: number): void;
  raw(bytes: Uint8Array): void;
  /** UTF-8 after its length in bytes. */
  text(text: string): void;
}

/**
 * A writer that throws a RangeError beyond `maxBytes`, and writes into `buffer` as long as that is large enough. A closure,
 * because pages load it: it minifies to half a class.
 */
export function createByteWriter(maxBytes = Number.POSITIVE_INFINITY, buffer = new Uint8Array(1024)): ByteWriter {
  let length = 0;

  function reserve(bytes: number): void {
    const needed = length + bytes;
    if (needed > maxBytes) throw new RangeError('too large');
    if (needed <= buffer.length) return;
    const grown = new Uint8Array(needed * 2);
    grown.set(buffer);
    buffer = grown;
  }

  function varint(value: number): void {
    reserve(8);
    if (value < 0x80) {
      buffer[length++] = value;
      return;
    }
    let rest = Math.min(value, Number.MAX_SAFE_INTEGER);
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) buffer[length++] = (rest % 128) | 0x80;
    buffer[length++] = rest;
  }

  function raw(bytes: Uint8Array): void {
    reserve(bytes.length);
    buffer.set(bytes, length);
    length += bytes.length;
  }

  /** Writes `text` when it is short and ASCII, as most is: char by char, which costs less than a call of the encoder. */
  function shortAscii(text: string): boolean {
    const chars = text.length;
    if (chars >= SHORT_CHARS) return false;
    reserve(1 + chars);
    for (let i = 0; i < chars; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[length + 1 + i] = code;
    }
    buffer[length] = chars;
    length += 1 + chars;
    return true;
  }

  return {
    get length() {
      return length;
    },
    truncate(to) {
      length = to;
    },
    written: () => buffer.subarray(0, length),
    u8(value) {
      reserve(1);
      buffer[length++] = value;
    },
    varint,
    zigzag: (value) => varint(value < 0 ? -2 * value - 1 : 2 * value),
    // All platforms we run on are little-endian.
    f64: (value) => raw(new Uint8Array(new Float64Array([value]).buffer)),
    id(word) {
      reserve(4);
      for (let shift = 24; shift >= 0; shift -= 8) buffer[length++] = word >> shift;
    },
    raw,
    text(text) {
      if (shortAscii(text)) return;
      const bytes = encoder.encode(text);
      varint(bytes.length);
      raw(bytes);
    },
  };
}

/** What a reader can find wrong: bytes that end too soon, an integer that is too large, text that is not UTF-8. */
export type ByteFault = 'truncated' | 'bad_varint' | 'bad_utf8';

/** Throws the caller's own error; `offset` is where in the bytes, `what` the field being read. */
export type FailReading = (code: ByteFault, offset: number, what: string) => never;

export class ByteReader {
  readonly bytes: Uint8Array;
  position = 0;
  readonly #fail: FailReading;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, fail: FailReading) {
    this.bytes = bytes;
    this.#fail = fail;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet: no count of anything can be larger. */
  get remaining(): number {
    return this.bytes.length - this.position;
  }

  u8(what: string): number {
    this.#need(1, what);
    return this.bytes[this.position++]!;
  }

  /** An integer from 0 to 2^53 - 1. */
  varint(what: string): number {
    const start = this.position;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (this.position >= this.bytes.length) this.#fail('truncated', start, what);
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER || this.position - start > 8) this.#fail('bad_varint', start, what);
      if (byte < 0x80) return value;
    }
  }

  zigzag(what: string): number {
    const value = this.varint(what);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  f64(what: string): number {
    this.#need(8, what);
    this.position += 8;
    return this.#view.getFloat64(this.position - 8, true);
  }

  /** A view of the next `length` bytes. */
  raw(length: number, what: string): Uint8Array {
    this.#need(length, what);
    this.position += length;
    return this.bytes.subarray(this.position - length, this.position);
  }

  /** UTF-8 after its length in bytes. */
  text(what: string): string {
    const offset = this.position;
    const bytes = this.raw(this.varint(what), what);
    try {
      return decoder.decode(bytes);
    } catch {
      return this.#fail('bad_utf8', offset, what);
    }
  }

  #need(length: number, what: string): void {
    if (length > this.remaining) this.#fail('truncated', this.position, what);
  }
}
