/** Bounds what an isolate works on at the same time: its memory is 128 MB, whatever clients send. */

import { MAX_IN_FLIGHT_BYTES } from '../../model/limits.ts';
import { IngestError } from '../errors.ts';

const RETRY_SECONDS = 1;

let inFlightBytes = 0;

/** One request's share, given back when it is answered. */
export class InFlight {
  private held = 0;

  /** Takes more. Throws IngestError 429 when the isolate has too much. */
  take(bytes: number): void {
    if (inFlightBytes + bytes > MAX_IN_FLIGHT_BYTES) {
      throw new IngestError(429, 'overloaded', 'too much is being taken in: send the same again later', RETRY_SECONDS);
    }
    inFlightBytes += bytes;
    this.held += bytes;
  }

  release(): void {
    inFlightBytes -= this.held;
    this.held = 0;
  }
}
