import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BATCH_ERROR_CODES, BatchError } from '../../../model/batch/batch-error.ts';
import { decodeBatch } from '../../../model/batch/decode.ts';
import { HEADER_BYTES, MAX_BATCH_BYTES } from '../../../model/batch/format.ts';
import { type ByteWriter, createByteWriter } from '../../../model/bytes.ts';
import { recordBatch } from '../../kit/recorded-batch.ts';
import { arbitraryBatch } from './arbitrary-batch.ts';

const sample = fc.sample(arbitraryBatch, { seed: 3, numRuns: 60 }).find((batch) => batch.spans.length > 5)!;
const { bytes } = recordBatch(sample);

describe('bytes that are not a batch', () => {
  it('are refused with what is wrong and where', () => {
    const change = (at: number, byte: number) => Uint8Array.from(bytes, (old, i) => (i === at ? byte : old));
    expect(fault(() => decodeBatch(new Uint8Array(3)))).toMatchObject({ code: 'truncated', offset: 3 });
    expect(fault(() => decodeBatch(change(2, 0)))).toMatchObject({ code: 'bad_magic', offset: 2 });
    expect(fault(() => decodeBatch(change(4, 9)))).toMatchObject({ code: 'bad_version', offset: 4 });
    expect(fault(() => decodeBatch(change(5, 0x80)))).toMatchObject({ code: 'bad_flags', offset: 5 });
    expect(fault(() => decodeBatch(new Uint8Array([...bytes, 0])))).toMatchObject({ code: 'trailing_bytes' });
    expect(fault(() => decodeBatch(bytes, new Uint8Array(MAX_BATCH_BYTES + 1)))).toMatchObject({ code: 'too_large' });
  });

  it('are refused wherever they are cut off', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(fault(() => decodeBatch(bytes.subarray(0, length)))).toBeInstanceOf(BatchError);
    }
  });

  it('are refused with a BatchError and nothing else, whatever was changed', () => {
    fc.assert(
      fc.property(
        arbitraryBatch,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (batch, changes) => {
          const changed = recordBatch(batch).bytes;
          for (const [at, byte] of changes) changed[at % changed.length] = byte;
          const error = fault(() => decodeBatch(changed));
          if (error !== null) expect(BATCH_ERROR_CODES).toContain((error as BatchError).code);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are refused with a BatchError and nothing else, when they are random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
        const error = fault(() => decodeBatch(payload((out) => out.raw(random))));
        if (error !== null) expect(error).toBeInstanceOf(BatchError);
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, string, (out: ByteWriter) => void]>([
    ['a string table longer than the batch', 'truncated', (out) => out.varint(2 ** 40)],
    [
      'a string that leaves its table',
      'truncated',
      (out) => {
        out.varint(2);
        out.varint(9);
        out.raw(new Uint8Array(20));
      },
    ],
    [
      'more attributes than there are bytes',
      'truncated',
      (out) => {
        out.varint(0);
        out.varint(2 ** 40);
      },
    ],
    [
      'a string that is not in the table',
      'bad_reference',
      (out) => {
        out.varint(0);
        out.varint(1);
        out.varint(7);
      },
    ],
    [
      'a string that is not UTF-8',
      'bad_utf8',
      (out) => {
        out.varint(2);
        out.varint(1);
        out.u8(0xff);
      },
    ],
    ['an integer of 64 bits', 'bad_varint', (out) => out.raw(new Uint8Array(12).fill(0xff))],
    [
      'a trace that was not there before',
      'bad_reference',
      (out) => {
        for (const n of [0, 0, 0, 5]) out.varint(n);
      },
    ],
    [
      'an unknown loss reason',
      'bad_value',
      (out) => {
        for (const n of [0, 0, 99, 1]) out.varint(n);
      },
    ],
  ])('are refused: %s', (_, code, fill) => {
    expect(fault(() => decodeBatch(payload(fill)))).toMatchObject({ code });
  });

  it('do not expand without a bound', () => {
    const bomb = payload((out) => {
      out.varint(60_003);
      out.text('a'.repeat(60_000));
      out.varint(100_000);
      for (let i = 0; i < 100_000; i++) {
        out.varint(2);
        out.u8(1);
      }
    });
    expect(fault(() => decodeBatch(bomb))).toMatchObject({ code: 'too_large' });
  });
});

/** A batch of whatever `fill` writes after the time it was sent. */
function payload(fill: (out: ByteWriter) => void): Uint8Array {
  const out = createByteWriter();
  out.raw(bytes.subarray(0, HEADER_BYTES));
  out.varint(1);
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
