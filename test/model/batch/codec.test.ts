import { deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../model/batch/batch.ts';
import { BATCH_ERROR_CODES, BatchError } from '../../../model/batch/batch-error.ts';
import { decodeBatch, parseBatchHeader } from '../../../model/batch/decode.ts';
import { encodeBatch } from '../../../model/batch/encode.ts';
import { DEFLATED, HEADER_BYTES, MAX_BATCH_BYTES } from '../../../model/batch/format.ts';
import { ByteWriter } from '../../../model/bytes.ts';
import { arbitraryBatch } from './arbitrary-batch.ts';

const EMPTY: Omit<Batch, 'version'> = {
  sentUs: 1,
  resource: [],
  goodbye: false,
  hasUnsampled: false,
  dropped: {},
  spans: [],
};

describe('the batch format', () => {
  it('brings back any batch', () => {
    fc.assert(
      fc.property(arbitraryBatch, (batch) => {
        const { bytes, spanCount } = encodeBatch(batch);
        expect(spanCount).toBe(batch.spans.length);
        expect(decodeBatch(bytes)).toEqual({ version: 1, ...batch });
      }),
      { numRuns: 500 },
    );
  });

  it('keeps to a size and takes the first spans', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat(4000), (batch, room) => {
        const maxBytes = encodeBatch({ ...batch, spans: [] }).bytes.length + 32 + room;
        const { bytes, spanCount } = encodeBatch(batch, maxBytes);
        expect(bytes.length).toBeLessThanOrEqual(maxBytes);
        expect(decodeBatch(bytes).spans).toEqual(batch.spans.slice(0, spanCount));
        if (spanCount < batch.spans.length) {
          const next = encodeBatch({ ...batch, spans: batch.spans.slice(0, spanCount + 1) });
          expect(next.bytes.length).toBeGreaterThan(maxBytes - 32);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('rounds times to microseconds and never lets a span end before it started', () => {
    const span = { ...spanOf(fc.sample(arbitraryBatch, { seed: 7, numRuns: 50 })), startUs: 1000.4, endUs: 900 };
    const [decoded] = decodeBatch(encodeBatch({ ...EMPTY, spans: [span] }).bytes).spans;
    expect([decoded?.startUs, decoded?.endUs]).toEqual([1000, 1000]);
  });

  it('replaces lone surrogates', () => {
    const { bytes } = encodeBatch({ ...EMPTY, resource: [['a\ud800b', '\udc00']] });
    expect(decodeBatch(bytes).resource).toEqual([['a\ufffdb', '\ufffd']]);
  });

  it('may be deflated after the header', () => {
    const { bytes } = encodeBatch({ ...EMPTY, resource: [['service.name', 'shop']] });
    const deflated = new Uint8Array([...bytes.subarray(0, HEADER_BYTES), ...deflateSync(bytes.subarray(HEADER_BYTES))]);
    deflated[5] = deflated[5]! | DEFLATED;
    const header = parseBatchHeader(deflated);
    expect(header.deflated).toBe(true);
    expect(decodeBatch(deflated, inflateSync(header.payload))).toEqual(decodeBatch(bytes));
    expect(fault(() => decodeBatch(deflated))).toMatchObject({ code: 'compressed', offset: 5 });
  });
});

describe('bytes that are not a batch', () => {
  const { bytes } = encodeBatch(fc.sample(arbitraryBatch, { seed: 3, numRuns: 40 }).at(-1)!);

  it('names the fault and the place', () => {
    const change = (at: number, byte: number) => Uint8Array.from(bytes, (old, i) => (i === at ? byte : old));
    expect(fault(() => decodeBatch(new Uint8Array(3)))).toMatchObject({ code: 'truncated', offset: 3 });
    expect(fault(() => decodeBatch(change(2, 0)))).toMatchObject({ code: 'bad_magic', offset: 2 });
    expect(fault(() => decodeBatch(change(4, 9)))).toMatchObject({ code: 'bad_version', offset: 4 });
    expect(fault(() => decodeBatch(change(5, 0x80)))).toMatchObject({ code: 'bad_flags', offset: 5 });
    expect(fault(() => decodeBatch(new Uint8Array([...bytes, 0])))).toMatchObject({ code: 'trailing_bytes' });
    expect(fault(() => decodeBatch(bytes, new Uint8Array(MAX_BATCH_BYTES + 1)))).toMatchObject({ code: 'too_large' });
  });

  it('refuses every truncation', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(fault(() => decodeBatch(bytes.subarray(0, length)))).toBeInstanceOf(BatchError);
    }
  });

  it('throws nothing but BatchError, whatever was changed', () => {
    fc.assert(
      fc.property(
        arbitraryBatch,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (batch, changes) => {
          const { bytes } = encodeBatch(batch);
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
          const error = fault(() => decodeBatch(bytes));
          if (error !== null) expect(BATCH_ERROR_CODES).toContain((error as BatchError).code);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('throws nothing but BatchError on random payloads', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        const error = fault(() => decodeBatch(new Uint8Array([...bytes.subarray(0, 5), 0, ...payload])));
        if (error !== null) expect(error).toBeInstanceOf(BatchError);
      }),
      { numRuns: 2000 },
    );
  });

  it('does not believe a count that the bytes cannot hold', () => {
    expect(
      fault(() =>
        decodeBatch(
          payload((out) =>
            [1, 2 ** 40].forEach((n) => {
              out.varint(n);
            }),
          ),
        ),
      ),
    ).toMatchObject({
      code: 'truncated',
      offset: 7,
    });
  });

  it('does not let shared prefixes expand without a bound', () => {
    const bomb = payload((out) => {
      out.varint(1);
      out.varint(200_001);
      out.varint(0);
      out.varint(60_000);
      out.raw(new Uint8Array(60_000).fill(97));
      for (let i = 0; i < 200_000; i++) {
        out.varint(60_000);
        out.varint(0);
      }
    });
    expect(fault(() => decodeBatch(bomb))).toMatchObject({ code: 'too_large' });
  });

  it('does not let references expand without a bound', () => {
    const bomb = payload((out) => {
      out.varint(1);
      out.varint(1);
      out.varint(0);
      out.varint(60_000);
      out.raw(new Uint8Array(60_000).fill(97));
      out.varint(100_000);
      for (let i = 0; i < 100_000; i++) {
        out.varint(1 * 8);
        out.varint(1);
      }
    });
    expect(fault(() => decodeBatch(bomb))).toMatchObject({ code: 'too_large' });
  });
});

function payload(fill: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter();
  out.raw(encodeBatch(EMPTY).bytes.subarray(0, HEADER_BYTES));
  fill(out);
  return out.written();
}

function fault(action: () => unknown): unknown {
  try {
    action();
    return null;
  } catch (error) {
    return error;
  }
}

function spanOf(batches: Omit<Batch, 'version'>[]) {
  return batches.flatMap((batch) => batch.spans)[0]!;
}
