import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHex, parseHex } from '../../model/ids.ts';
import { decodeRollUp, encodeRollUp, projectRow } from '../../model/statistics-roll-up.ts';
import { decodeMinute, encodeMinute } from '../../model/statistics-row.ts';
import { StatisticsRowError } from '../../model/statistics-row-error.ts';
import { StatisticsSum, type SummedRow } from '../../model/statistics-sum.ts';
import { type CountedSpan, countSpans, describeSum, rowOf } from '../kit/counted-spans.ts';
import { arbitraryRow, plainRow } from './arbitrary-row.ts';

const base = { shard: 's', service: 'shop', name: 'GET /', kind: 2, durationUs: 5, isError: false, caller: null };
const page = { service: 'page', name: 'load' };

/** Minute 300 and, in another operation, minute 302. */
const SUM_V1 = new StatisticsSum()
  .add(rowOf(300, [{ ...base, minute: 300, caller: page }]))
  .add(rowOf(302, [{ ...base, minute: 302, name: 'GET /cart', durationUs: 900, isError: true }]))
  .toRow();
/** As version 1 wrote it. Never to be changed. */
const SUM_V1_HEX =
  '54525231014b5452533101ae0202047061676501046c6f61640473686f700205474554202f09474554202f63617274020102050002140101010a0184070002500101010001000500021401010002140101020002';

const plain = ({ row, ...minutes }: SummedRow) => ({ ...plainRow(row), ...minutes });

function faultOf(bytes: Uint8Array): string | null {
  try {
    decodeRollUp(bytes);
    return null;
  } catch (error) {
    if (error instanceof StatisticsRowError) return error.fault;
    throw error;
  }
}

describe('a row by service', () => {
  it('counts what brute force counts', () => {
    const spans: CountedSpan[] = [
      { ...base, minute: 7 },
      { ...base, minute: 7, name: 'GET /cart', caller: page },
      { ...base, minute: 7, kind: 1, isError: true, caller: { ...page, name: 'click' } },
    ];
    const projected = decodeMinute(projectRow(encodeMinute(rowOf(7, spans)), 'service'));
    expect(describeSum(new StatisticsSum().add(projected).toRow())).toEqual(countSpans(spans, 'service'));
  });
});

describe('a roll-up', () => {
  it('is what was packed', () => {
    fc.assert(
      fc.property(arbitraryRow, arbitraryRow, (a, b) => {
        const sum = new StatisticsSum().add(a).add(b).toRow();
        expect(plain(decodeRollUp(encodeRollUp(sum)))).toEqual(plain(sum));
      }),
    );
  });

  it('of version 1 is read for ever', () => {
    expect(formatHex(encodeRollUp(SUM_V1))).toBe(SUM_V1_HEX);
    expect(plain(decodeRollUp(parseHex(SUM_V1_HEX)!))).toEqual(plain(SUM_V1));
  });

  it('names what is wrong with bytes that are none', () => {
    const bytes = encodeRollUp(SUM_V1);
    expect(faultOf(encodeMinute(SUM_V1.row))).toBe('bad_magic');
    expect(faultOf(bytes.with(4, 2))).toBe('unknown_version');
    expect(faultOf(new Uint8Array([...bytes, 0]))).toBe('trailing_bytes');
    for (let length = 0; length < bytes.length; length++) expect(faultOf(bytes.slice(0, length))).toBe('truncated');
    // A minute that would be before all time: 2 bytes, so what follows is cut off or too much.
    expect(faultOf(new Uint8Array([...bytes.slice(0, -1), 0x80 + 47, 2]))).toBe('bad_value');
  });

  it('never decodes to something that breaks later, whatever was damaged', () => {
    const bytes = encodeRollUp(SUM_V1);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.with(at, bytes[at]! ^ flip);
        if (faultOf(damaged) !== null) return;
        const { row, ...minutes } = decodeRollUp(damaged);
        expect(plain(decodeRollUp(encodeRollUp({ row, ...minutes })))).toEqual(plain({ row, ...minutes }));
        new StatisticsSum('service').add(row, minutes).toRow();
      }),
      { numRuns: 2_000 },
    );
  });
});
