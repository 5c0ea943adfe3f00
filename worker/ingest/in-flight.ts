/** Bounds what an isolate works on at the same time: its memory is 128 MB, whatever clients send. */

import { MAX_IN_FLIGHT_BYTES } from '../../model/limits.ts';
import { noteWhole, overloaded } from './pressure.ts';

const RETRY_MS = 1_000;
/** From these shares on senders are told before one of them is refused. */
const MODERATE_SHARE = 0.5;
const HIGH_SHARE = 0.75;

let inFlightBytes = 0;

/** One request's share, given back when it is answered. */
export class InFlight {
  private held = 0;

  /** Takes more. Throws IngestError 429 when the isolate has too much. */
  take(bytes: number): void {
    if (inFlightBytes + bytes > MAX_IN_FLIGHT_BYTES) {
      noteWhole('overload');
      throw overloaded('too much is being taken in: send the same again later', RETRY_MS);
    }
    inFlightBytes += bytes;
    const share = inFlightBytes / MAX_IN_FLIGHT_BYTES;
    if (share >= MODERATE_SHARE) noteWhole(share < HIGH_SHARE ? 'moderate' : 'high');
    this.held += bytes;
  }

  release(): void {
    inFlightBytes -= this.held;
    this.held = 0;
  }
}
