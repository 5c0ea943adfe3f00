/** What the edge takes in of a span, and what it adds. The numbers are OpenTelemetry's defaults where it has any. */

import * as v from 'valibot';
import { MAX_BODY_BYTES } from '../../model/limits.ts';

const DAY_MS = 24 * 3_600_000;
const count = (byDefault: number) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)), byDefault);
const days = (byDefault: number) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(36_500 * DAY_MS)), byDefault);

export const ingestSchema = v.strictObject({
  /** The largest body that is taken, compressed or not; larger ones are refused with 413. */
  maxBodyBytes: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(64 * 1024), v.maxValue(64 * 1024 * 1024)),
    MAX_BODY_BYTES,
  ),
  /** A span that started longer ago, or that starts or ends further ahead, is rejected. */
  pastMs: days(3_650 * DAY_MS),
  futureMs: days(DAY_MS),
  /** Of a span, resource or scope. */
  attributes: count(128),
  events: count(128),
  links: count(128),
  eventAttributes: count(128),
  linkAttributes: count(128),
  /** Of a text or of bytes in an attribute's value; longer ones are cut. OpenTelemetry has no limit. */
  valueBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(1024 * 1024)), 64 * 1024),
  /** Different attribute keys of one service, as long as an isolate lives. */
  keys: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), 1_000),
  /** Whether a page's spans say where they came in: place, country, network, protocol, and how far the page's clock is off. */
  describePages: v.optional(v.boolean(), true),
});

export type IngestConfig = v.InferOutput<typeof ingestSchema>;
