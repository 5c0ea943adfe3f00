/**
 * What is stored of statistics beside their rows: the row of a minute by service alone, and a roll-up, which is the sum of all
 * shards' rows of a longer period. `docs/statistics-format.md` has the format.
 */

import { ByteReader, createByteWriter } from './bytes.ts';
import { decodeMinute, encodeMinute } from './statistics-row.ts';
import { StatisticsRowError } from './statistics-row-error.ts';
import { type Grain, StatisticsSum, type SummedRow } from './statistics-sum.ts';

const MAGIC = 0x31525254; // TRR1, little-endian
const VERSION = 1;

/** A packed row at a grain; throws `StatisticsRowError` for what is none. */
export function projectRow(packed: Uint8Array<ArrayBuffer>, grain: Grain): Uint8Array<ArrayBuffer> {
  if (grain === 'operation') return packed;
  return encodeMinute(new StatisticsSum(grain).add(decodeMinute(packed)).toRow().row);
}

/** Throws `StatisticsRowError` where the row is too large. */
export function encodeRollUp({ row, cellMinutes, edgeMinutes }: SummedRow): Uint8Array<ArrayBuffer> {
  const writer = createByteWriter();
  for (let shift = 0; shift < 32; shift += 8) writer.u8((MAGIC >>> shift) & 0xff);
  writer.u8(VERSION);
  const packed = encodeMinute(row);
  writer.varint(packed.length);
  writer.raw(packed);
  for (const minute of [...cellMinutes, ...edgeMinutes]) writer.varint(row.minute - minute);
  return writer.written().slice();
}

/** Reads what `encodeRollUp` wrote; throws `StatisticsRowError` for anything else. */
export function decodeRollUp(bytes: Uint8Array): SummedRow {
  const reader = new ByteReader(bytes, (fault, offset, what) => {
    throw new StatisticsRowError(fault, offset, what);
  });
  for (let shift = 0; shift < 32; shift += 8) {
    if (reader.u8('magic') !== ((MAGIC >>> shift) & 0xff)) {
      throw new StatisticsRowError('bad_magic', reader.position, 'not a roll-up');
    }
  }
  const version = reader.u8('version');
  if (version !== VERSION) throw new StatisticsRowError('unknown_version', reader.position, `version ${version}`);
  const row = decodeMinute(reader.raw(reader.varint('length of the row'), 'row'));
  const minuteOf = (): number => {
    const minute = row.minute - reader.varint('minute');
    if (minute < 0) throw new StatisticsRowError('bad_value', reader.position, 'a minute before the epoch');
    return minute;
  };
  const cellMinutes = row.cells.map(minuteOf);
  const edgeMinutes = row.edges.map(minuteOf);
  if (reader.remaining > 0) throw new StatisticsRowError('trailing_bytes', reader.position, 'after the last minute');
  return { row, cellMinutes, edgeMinutes };
}
