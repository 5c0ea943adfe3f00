/** What pages write, read by somebody who knows nothing but the format's description. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEarly } from '../../../client/recorder/early-batch.ts';
import type { Batch } from '../../../model/batch/batch.ts';
import { decodeBatch } from '../../../model/batch/decode.ts';
import { CLIENT_COUNTS, CLIENT_DROP_REASONS } from '../../../model/reasons.ts';
import type { SpanData } from '../../../model/span-data.ts';
import { pickSeed } from '../../kit/random.ts';
import { flat, lossesOf, recordBatch, toRecordable } from '../../kit/recorded-batch.ts';
import { readBatch } from '../../kit/reference-batch.ts';
import { arbitraryBatch, arbitrarySpan } from '../../model/batch/arbitrary-batch.ts';

const seed = pickSeed(process.env.SEED);

type Content = Pick<Batch, 'resource' | 'goodbye' | 'dropped' | 'counts' | 'spans'>;

/** What the reference reads where `batch` was written. */
const asRead = ({ resource, goodbye, dropped, counts, spans }: Content) => ({
  flags: 4 + (goodbye ? 2 : 0),
  resource,
  losses: [
    ...CLIENT_DROP_REASONS.map((reason, i) => [i + 1, dropped[reason] ?? 0] as const),
    ...CLIENT_COUNTS.map((name, i) => [i + 33, counts[name] ?? 0] as const),
  ].filter(([, count]) => count > 0),
  spans,
});

/** The two ways in which a page writes. */
const WRITERS: Readonly<Record<string, (batch: Content) => Uint8Array>> = {
  'the ring': (batch) => recordBatch(batch).bytes,
  'a page that is left early': (batch) =>
    encodeEarly(batch.spans.map(toRecordable), flat(batch.resource), lossesOf(batch), false, batch.goodbye, 2 ** 31)
      .bytes,
};

/** What a span may have: `client/api/span.ts`. */
const MAX_ITEMS = 128;
const MAX_VALUE_CHARS = 4_096;

const LENGTH = fc.constantFrom(0, 42, 63, 64, 126, 127, 128, 129, 2000, MAX_VALUE_CHARS);
const [PLAIN] = fc.sample(arbitrarySpan, { seed: 5, numRuns: 1 });
const withTexts = (name: string, attributes: SpanData['attributes']): SpanData => ({ ...PLAIN!, name, attributes });

describe.each(Object.entries(WRITERS))('a batch of %s', (_, write) => {
  it('says what was recorded', () => {
    fc.assert(
      fc.property(arbitraryBatch, (batch) => {
        expect(readBatch(write(batch))).toEqual(asRead(batch));
      }),
      { numRuns: 200, seed },
    );
  });

  it('holds texts of every length up to the limit, in any Unicode, with U+FFFD for what is none', () => {
    // Lone surrogates too; and lengths where the string table, a varint or the limit end.
    const text = fc
      .tuple(fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 60 }), LENGTH)
      .map(([text, length]) => text + 'ä'.repeat(Math.max(0, length - text.length)));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 8 }), (texts) => {
        const spans = texts.map(([name, value], i) => withTexts(name, [[`key ${i}`, value] as const]));
        const expected = texts.map(([name, value], i) =>
          withTexts(name.toWellFormed(), [[`key ${i}`, value.toWellFormed()] as const]),
        );
        const bytes = write({ resource: [], goodbye: false, dropped: {}, counts: {}, spans });
        expect(readBatch(bytes).spans).toEqual(expected);
        expect(decodeBatch(bytes).spans).toEqual(expected);
      }),
      { numRuns: 100, seed },
    );
  });

  it('holds as many attributes as a span may have, of every type', () => {
    const values = [
      'text',
      -1,
      0,
      2 ** 53,
      -0,
      0.5,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      true,
      false,
      [],
      ['a'],
      [1.5],
    ];
    const attributes = Array.from({ length: MAX_ITEMS }, (_, i) => [`key ${i}`, values[i % values.length]!] as const);
    const spans = [withTexts('full', attributes)];
    const bytes = write({ resource: [], goodbye: false, dropped: {}, counts: {}, spans });
    expect(readBatch(bytes).spans).toEqual(spans);
    expect(decodeBatch(bytes).spans).toEqual(spans);
  });
});
