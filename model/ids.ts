/** Trace and span ids: 16 and 8 bytes, not all zero (https://www.w3.org/TR/trace-context/). Text form is lower-case hex. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Formats `length` bytes from `offset` as lower-case hex. */
export function formatHex(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  let text = '';
  for (let i = offset; i < offset + length; i++) text += HEX[bytes[i]!];
  return text;
}

/** Parses hex digits of either case into bytes, or null when `text` is not an even number of hex digits. */
export function parseHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return null;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** 32 lower-case hex digits that are not all zero. */
export function isTraceId(text: string): boolean {
  return /^(?!0{32})[0-9a-f]{32}$/.test(text);
}

/** 16 lower-case hex digits that are not all zero. */
export function isSpanId(text: string): boolean {
  return /^(?!0{16})[0-9a-f]{16}$/.test(text);
}

/** True when `length` bytes from `offset` are all zero. */
export function isZero(bytes: Uint8Array, offset: number, length: number): boolean {
  for (let i = offset; i < offset + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}
