/**
 * What OpenTelemetry says about sampling in a W3C tracestate: `ot=th:c;rv:6e6d1a75832a2f`. `th` is the threshold that the
 * trace was sampled with, 1 to 14 hex digits without trailing zeros; `rv`, 14 digits, is its randomness where that is not
 * in the trace id (https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/). What does not follow that grammar
 * is as if it were not there.
 */

/** Filled by `parseOtState`. 56-bit numbers are the first 24 bits and the last 32, as unsigned integers. */
export class OtState {
  hasThreshold = false;
  thresholdHigh = 0;
  thresholdLow = 0;
  hasRandom = false;
  randomHigh = 0;
  randomLow = 0;
}

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const COLON = 0x3a;
const EQUALS = 0x3d;
const SPACE = 0x20;
const TAB = 0x09;
const LETTER_H = 0x68;
const LETTER_O = 0x6f;
const LETTER_R = 0x72;
const LETTER_T = 0x74;
const LETTER_V = 0x76;
/** Digits of 56 bits, and of its first 24. */
const DIGITS = 14;
const HIGH_DIGITS = 6;

/** Reads `bytes` from `start` to `end`, a tracestate in ASCII, into `out`. Allocates nothing; takes any bytes. */
export function parseOtState(bytes: Uint8Array, start: number, end: number, out: OtState): void {
  out.hasThreshold = false;
  out.hasRandom = false;
  for (let at = start; at < end; ) {
    const memberEnd = find(bytes, at, end, COMMA);
    while (at < memberEnd && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
    if (at + 3 <= memberEnd && bytes[at] === LETTER_O && bytes[at + 1] === LETTER_T && bytes[at + 2] === EQUALS) {
      let valueEnd = memberEnd;
      while (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB) valueEnd--;
      parseMembers(bytes, at + 3, valueEnd, out);
      return;
    }
    at = memberEnd + 1;
  }
}

/** The same from text. */
export function parseOtStateText(traceState: string): OtState {
  const bytes = new Uint8Array(traceState.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.min(traceState.charCodeAt(i), 0xff);
  const out = new OtState();
  parseOtState(bytes, 0, bytes.length, out);
  return out;
}

function parseMembers(bytes: Uint8Array, start: number, end: number, out: OtState): void {
  for (let at = start; at < end; ) {
    const memberEnd = find(bytes, at, end, SEMICOLON);
    const valueAt = at + 3;
    const digits = memberEnd - valueAt;
    if (digits >= 1 && digits <= DIGITS && bytes[at + 2] === COLON) {
      if (!out.hasThreshold && bytes[at] === LETTER_T && bytes[at + 1] === LETTER_H) {
        const high = hexNumber(bytes, valueAt, memberEnd, HIGH_DIGITS);
        const low = hexNumber(bytes, valueAt + HIGH_DIGITS, memberEnd, DIGITS - HIGH_DIGITS);
        if (high >= 0 && low >= 0) {
          out.hasThreshold = true;
          out.thresholdHigh = high;
          out.thresholdLow = low;
        }
      } else if (!out.hasRandom && digits === DIGITS && bytes[at] === LETTER_R && bytes[at + 1] === LETTER_V) {
        const high = hexNumber(bytes, valueAt, memberEnd, HIGH_DIGITS);
        const low = hexNumber(bytes, valueAt + HIGH_DIGITS, memberEnd, DIGITS - HIGH_DIGITS);
        if (high >= 0 && low >= 0) {
          out.hasRandom = true;
          out.randomHigh = high;
          out.randomLow = low;
        }
      }
    }
    at = memberEnd + 1;
  }
}

/** The number that `length` lower-case hex digits from `at` make, with zeros for those from `end` on; -1 where one is none. */
function hexNumber(bytes: Uint8Array, at: number, end: number, length: number): number {
  let value = 0;
  for (let i = at; i < at + length; i++) {
    const code = i < end ? bytes[i]! : 0x30;
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
    else if (code >= 0x61 && code <= 0x66) value = value * 16 + code - 0x57;
    else return -1;
  }
  return value;
}

/** Index of `byte` from `at` on, or `end`. */
function find(bytes: Uint8Array, at: number, end: number, byte: number): number {
  let i = at;
  while (i < end && bytes[i] !== byte) i++;
  return i;
}
