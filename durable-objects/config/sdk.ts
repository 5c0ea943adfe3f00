/** What pages and Workers are told of how to record: `GET /v1/config`. Their own options hold where it says nothing. */

import * as v from 'valibot';
import { MAX_RULES, MAX_TEXT_CHARS } from '../policies/bounds.ts';

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const NO_TIME = 'is not an ISO 8601 time';

export const sdkSchema = v.strictObject({
  /** The share of traces that is recorded. */
  sampleRate: v.optional(share),
  /** The first one that has the name of a page's root span; a `*` at the end of its name stands for anything. */
  routes: v.optional(
    v.pipe(
      v.array(v.strictObject({ name: v.pipe(v.string(), v.maxLength(MAX_TEXT_CHARS)), sampleRate: share })),
      v.maxLength(MAX_RULES),
    ),
    [],
  ),
  /** Nothing is recorded. */
  paused: v.optional(v.boolean(), false),
  /** For a while, another share, whatever the route. */
  boost: v.optional(
    v.strictObject({
      sampleRate: v.optional(share, 1),
      until: v.pipe(
        v.string(),
        v.isoTimestamp(NO_TIME),
        v.check((text) => !Number.isNaN(Date.parse(text)), NO_TIME),
      ),
    }),
  ),
  /** Of a trace that has more, pages are told to record no more. */
  maxTraceSpans: v.optional(v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(1e6)), 20_000),
});

export type SdkConfig = v.InferOutput<typeof sdkSchema>;
