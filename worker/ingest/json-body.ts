/** A body of JSON, parsed and converted with every fault of it told to the sender. */

import { MAX_JSON_OBJECTS } from '../../model/limits.ts';
import { JsonError } from '../../model/otlp/json-access.ts';
import { TooManyError } from '../../model/otlp/proto-reader.ts';
import { toIngestError } from './take.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** What `convert` makes of the parsed body; it throws JsonError or TooManyError. Throws IngestError 400 or 413. */
export function fromJsonBody<T>(body: Uint8Array, what: string, convert: (value: unknown) => T): T {
  try {
    checkObjectCount(body);
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
  for (const byte of body) if (byte === 0x7b || byte === 0x5b) count++;
  if (count > MAX_JSON_OBJECTS) throw new TooManyError(`more than ${MAX_JSON_OBJECTS} objects and arrays`);
}
