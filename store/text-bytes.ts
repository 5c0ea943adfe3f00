/**
 * Bytes as text: D1 answers a blob as an array of numbers, which takes several times as long to read as base64. These are
 * functions of the runtime (https://tc39.es/proposal-arraybuffer-base64/) that TypeScript does not know yet.
 */

/** Of what becomes text: base64 of it is below D1's 2 MB a value. */
export const MAX_TEXT_BYTES = 1_400_000;

interface TextBytes {
  fromBase64(text: string): Uint8Array<ArrayBuffer>;
  fromHex(text: string): Uint8Array<ArrayBuffer>;
}
const bytes = Uint8Array as unknown as TextBytes;

export function toBase64(from: Uint8Array): string {
  return (from as Uint8Array & { toBase64(): string }).toBase64();
}

/** Throws a SyntaxError for what is no base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return bytes.fromBase64(text);
}

/** Throws a SyntaxError for what is no hex. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return bytes.fromHex(text);
}
