import { badRequest } from './tempo-error.ts';

const DIGITS = 32;

/** Up to 32 hex digits, as Tempo takes them, made 32 in lower case. Throws HttpError 400. */
export function parseTempoTraceId(text: string): string {
  const at = text.search(/[^\da-f]/i);
  if (at >= 0) {
    const wrong = String.fromCodePoint(text.codePointAt(at)!);
    throw badRequest(`trace IDs can only contain hex characters: invalid character '${wrong}' at position ${at + 1}`);
  }
  if (text.length > DIGITS) throw badRequest("trace IDs can't be larger than 128 bits");
  return text.toLowerCase().padStart(DIGITS, '0');
}
