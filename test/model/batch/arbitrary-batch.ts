import fc from 'fast-check';
import type { Batch } from '../../../model/batch/batch.ts';
import { CLIENT_COUNTS, CLIENT_DROP_REASONS } from '../../../model/reasons.ts';
import type { SpanData } from '../../../model/span-data.ts';

/** Well-formed Unicode: lone surrogates have no UTF-8 and come back as U+FFFD. */
const text = fc.oneof(
  fc.constantFrom('', 'GET', 'url.full', 'https://shop.example/static/', 'ärger', '木', '🦦', '\u0000', '\ufeffbom'),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(0, -0, -1, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53),
);
const value = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.array(text, { maxLength: 4 }),
  fc.array(number, { maxLength: 4 }),
  fc.array(fc.boolean(), { maxLength: 4 }),
);
const attributes = fc.array(fc.tuple(text, value), { maxLength: 6 });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const timeUs = fc.oneof(fc.integer({ min: 1_763_000_000_000_000, max: 1_763_000_100_000_000 }), fc.nat(2 ** 31 - 1));
const count = fc.oneof(fc.constant(0), fc.nat(100_000));

/** Any span the SDK could record, and many it never would. */
export const arbitrarySpan = fc
  .record({
    traceId: fc.oneof(bytes(16), fc.constantFrom(new Uint8Array(16).fill(1), new Uint8Array(16).fill(2))),
    spanId: bytes(8),
    parentSpanId: fc.option(bytes(8).filter((id) => id.some(Boolean))),
    name: text,
    kind: fc.nat(5),
    startUs: timeUs,
    endUs: fc.option(fc.nat(2 ** 31 - 1)),
    flags: fc.oneof(fc.constantFrom(0, 1, 3, 0x103), fc.nat(0xffffffff)),
    traceState: text,
    statusCode: fc.nat(2),
    statusMessage: text,
    attributes,
    events: fc.array(fc.record({ name: text, timeUs, attributes }), { maxLength: 3 }),
    links: fc.array(fc.record({ traceId: bytes(16), spanId: bytes(8), attributes }), { maxLength: 3 }),
    scope: fc.constantFrom('', 'tailrace/fetch', 'app'),
    droppedAttributes: count,
    droppedEvents: count,
    droppedLinks: count,
  })
  .map((span): SpanData => ({ ...span, endUs: span.endUs === null ? null : span.startUs + span.endUs }));

/** Some spans take another of the batch as their parent, before or after them. */
const spans = fc.array(fc.tuple(arbitrarySpan, fc.option(fc.nat(30))), { maxLength: 30 }).map((entries) =>
  entries.map(([span, parent]) => {
    const other = parent === null ? undefined : entries[parent]?.[0];
    return other ? { ...span, parentSpanId: other.spanId } : span;
  }),
);

/** Any batch the SDK could send, and many it never would. */
export const arbitraryBatch: fc.Arbitrary<Omit<Batch, 'version' | 'sentUs' | 'hasUnsampled'>> = fc.record({
  resource: attributes,
  goodbye: fc.boolean(),
  dropped: fc.dictionary(fc.constantFrom(...CLIENT_DROP_REASONS), fc.integer({ min: 1, max: 2 ** 32 }), {
    noNullPrototype: true,
  }),
  counts: fc.dictionary(fc.constantFrom(...CLIENT_COUNTS), fc.integer({ min: 1, max: 2 ** 32 }), {
    noNullPrototype: true,
  }),
  spans,
});
