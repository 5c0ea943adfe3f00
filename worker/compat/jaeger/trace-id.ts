import { GoError } from '../go-text.ts';

/** 32 lower-case hex digits of an id as Jaeger takes it: either case, and without zeros at its head. Throws a GoError. */
export function parseJaegerTraceId(text: string): string {
  if (text.length > 32) throw new GoError(`TraceID cannot be longer than 32 hex characters: ${text}`);
  const halves = text.length > 16 ? [text.slice(0, -16), text.slice(-16)] : [text];
  for (const half of halves) {
    if (/^[\da-f]+$/i.test(half)) continue;
    throw new GoError(`strconv.ParseUint: parsing ${JSON.stringify(half)}: invalid syntax`);
  }
  return text.toLowerCase().padStart(32, '0');
}
