/** A body of JSON, parsed and converted with every fault of it told to the sender. */

import { MAX_JSON_KEYS, MAX_JSON_OBJECTS } from '../../model/limits.ts';
import { JsonError } from '../../model/otlp/json-access.ts';
import { TooManyError } from '../../model/otlp/proto-reader.ts';
import { toIngestError } from './take.ts';

const [OPEN_BRACE, OPEN_BRACKET, COLON, QUOTE, BACKSLASH, SPACE] = [0x7b, 0x5b, 0x3a, 0x22, 0x5c, 0x20];
/** A power of two, and many times `MAX_JSON_KEYS`. */
const KEY_HASHES = 2 ** 20;
const MAX_KEY_END_BYTES = 64;
/** Of a key with its quotes and colon, a value and what parts it from the next. */
const MIN_KEY_BYTES = 5;
/** Different in each isolate, so that nobody can make keys that share a hash; 0 until it is known. */
let seed = 0;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** What `convert` makes of the parsed body; it throws JsonError or TooManyError. Throws IngestError 400 or 413. */
export function fromJsonBody<T>(body: Uint8Array, what: string, convert: (value: unknown) => T): T {
  try {
    checkObjectCount(body);
    checkKeyCount(body);
    return convert(JSON.parse(decoder.decode(body)));
  } catch (error) {
    // What JSON.parse, TextDecoder and the conversion throw is about the body.
    const isFault = error instanceof SyntaxError || error instanceof TypeError || error instanceof JsonError;
    throw toIngestError(error, isFault, what);
  }
}

/** A few bytes of JSON become an object of a hundred: what would fill the isolate is refused before it is parsed. */
function checkObjectCount(body: Uint8Array): void {
  let count = 0;
  for (const byte of body) if (byte === OPEN_BRACE || byte === OPEN_BRACKET) count++;
  if (count > MAX_JSON_OBJECTS) throw new TooManyError(`more than ${MAX_JSON_OBJECTS} objects and arrays`);
}

/** So is each key that is in no other object. They are counted by their hashes; some that share one are not seen to differ. */
function checkKeyCount(body: Uint8Array): void {
  if (body.length < MIN_KEY_BYTES * MAX_JSON_KEYS) return;
  seed ||= crypto.getRandomValues(new Uint32Array(1))[0]!;
  let count = 0;
  const seen = new Uint8Array(KEY_HASHES);
  for (let at = body.indexOf(COLON); at !== -1; at = body.indexOf(COLON, at + 1)) {
    const hash = hashKeyBefore(body, at);
    if (seen[hash] === 0) count++;
    seen[hash] = 1;
  }
  if (count > MAX_JSON_KEYS) throw new TooManyError(`more than ${MAX_JSON_KEYS} different keys`);
}

/** Of the end of the key: long keys are few. 0 where there is none. */
function hashKeyBefore(body: Uint8Array, colon: number): number {
  let at = colon - 1;
  const first = Math.max(0, colon - MAX_KEY_END_BYTES);
  while (at > first && body[at]! <= SPACE) at--;
  if (body[at] !== QUOTE) return 0;
  let escapes = 0;
  while (at - escapes > first && body[at - escapes - 1] === BACKSLASH) escapes++;
  // A quote within a text: JSON in JSON.
  if (escapes % 2 === 1) return 0;
  let hash = seed;
  for (at--; at >= first && !(body[at] === QUOTE && body[at - 1] !== BACKSLASH); at--) {
    hash = Math.imul(hash ^ body[at]!, 0x0100_0193);
  }
  return (hash ^ (hash >>> 15)) & (KEY_HASHES - 1);
}
