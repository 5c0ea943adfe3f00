/** Records through the ring and its string table, over many turns of both. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeBatch } from '../../../client/recorder/batcher.ts';
import { createClaim, DRAIN } from '../../../client/recorder/claim.ts';
import { createMemory, HEADER_BYTES, headerOf, WORD_CLAIM, WORD_HEAD } from '../../../client/recorder/memory.ts';
import { readPending } from '../../../client/recorder/pending.ts';
import { createRecordWriter } from '../../../client/recorder/record.ts';
import { createRing } from '../../../client/recorder/ring.ts';
import { createStringTable } from '../../../client/recorder/strings.ts';
import { decodeBatch } from '../../../model/batch/decode.ts';
import type { SpanData } from '../../../model/span-data.ts';
import { encodeResource, toRecordable } from '../../kit/recorded-batch.ts';
import { arbitrarySpan } from '../../model/batch/arbitrary-batch.ts';

const config = { url: '', resource: encodeResource([]) };

it('come back as they were, while positions wrap and the string table fills and starts over', () => {
  const steps = fc.array(fc.tuple(arbitrarySpan, fc.boolean()), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(fc.integer(), steps, (startPosition, steps) => {
      const buffer = createMemory(false, 16 * 1024, 64);
      const start = startPosition & ~3;
      headerOf(buffer)[WORD_HEAD] = start;
      headerOf(buffer)[WORD_CLAIM] = start;
      const ring = createRing(buffer);
      const claim = createClaim(buffer, DRAIN);
      const write = createRecordWriter(ring, createStringTable(buffer));
      claim.check();
      let waiting: SpanData[] = [];
      for (const [span, isDrained] of steps) {
        if (write(toRecordable(span))) waiting.push(span);
        if (!isDrained) continue;
        const { records, end } = readPending(ring, claim, claim.position, 2 ** 31) ?? { records: [], end: start };
        const { bytes } = encodeBatch({ buffer, config, records, losses: [] });
        expect(decodeBatch(bytes).spans).toEqual(waiting);
        if (records.length > 0) expect(claim.release(end)).toBe(true);
        waiting = [];
      }
    }),
    { numRuns: 200 },
  );
});

it('of a producer that died in the middle are as if they had never been', () => {
  const buffer = createMemory(false, 4096, 256);
  const ring = createRing(buffer);
  const claim = createClaim(buffer, DRAIN);
  claim.check();
  const span = { ...fc.sample(arbitrarySpan, { seed: 5, numRuns: 1 })[0]!, events: [], links: [], attributes: [] };
  // All of a record but the last step, which moves the head; and the same of a string.
  new Uint8Array(buffer, HEADER_BYTES).fill(0xcd);
  expect(readPending(ring, claim, claim.position, 2 ** 31)).toBeNull();
  // Whoever comes next begins at the head.
  createRecordWriter(ring, createStringTable(buffer))(toRecordable(span));
  const { records } = readPending(ring, claim, claim.position, 2 ** 31)!;
  expect(decodeBatch(encodeBatch({ buffer, config, records, losses: [] }).bytes).spans).toEqual([span]);
});
