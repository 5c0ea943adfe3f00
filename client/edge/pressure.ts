/**
 * What the edge has last said of how pressed it is. A Worker exports once a request, so there is no interval to make longer; but when
 * the edge is short of everything, the request's server span, errors and slow spans are all that is sent.
 */

import type { SpanData } from '../../model/span-data.ts';
import { KIND_SERVER } from './span.ts';

const STATUS_ERROR = 2;
const SLOW_US = 1_000_000;
/** What was said longer ago counts no more. */
const FRESH_US = 30_000_000;

let isHigh = false;
let notedUs = 0;

/** Takes note of the header `tailrace-pressure` of an answer. */
export function notePressure(header: string | null, nowUs: number): void {
  isHigh = header === 'high' || header === 'overload';
  notedUs = nowUs;
}

/** Those of `spans` that are to be sent now. */
export function spansUnderPressure(spans: readonly SpanData[], nowUs: number): readonly SpanData[] {
  return isHigh && nowUs - notedUs < FRESH_US ? spans.filter(isSentFirst) : spans;
}

function isSentFirst({ kind, parentSpanId, statusCode, startUs, endUs }: SpanData): boolean {
  const isRoot = kind === KIND_SERVER || parentSpanId === null;
  return isRoot || statusCode === STATUS_ERROR || (endUs !== null && endUs - startUs >= SLOW_US);
}
