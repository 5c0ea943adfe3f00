/** The state of a shard's statistics as bytes, for its checkpoints (`docs/statistics-format.md`). */

import { ByteReader, type ByteWriter, createByteWriter } from '../../model/bytes.ts';
import { StatisticsRowError } from '../../model/statistics-row-error.ts';

const MAGIC = 0x53535254; // TRSS, little-endian
const VERSION = 2;
const IS_DIRTY = 1;
const HAS_PACKED = 2;
const HAS_OPEN = 4;

export interface StatisticsCounters {
  measuredSpans: number;
  /** Counted in the minute they were measured in, because they started too long ago or in the future. */
  clampedSpans: number;
  clampedEdges: number;
  /** Counted in `other`, because there were too many services, operations or edges in the minute. */
  otherSpans: number;
  otherEdges: number;
  /** Spans that weigh more than `MAX_SPAN_WEIGHT` and counted as that. */
  cappedWeights: number;
  /** Minutes whose last row was never written: the store was away for too long. */
  lostMinutes: number;
}

const COUNTER_NAMES_V1 = [
  'measuredSpans',
  'clampedSpans',
  'clampedEdges',
  'otherSpans',
  'otherEdges',
  'cappedWeights',
] as const satisfies readonly (keyof StatisticsCounters)[];
const COUNTER_NAMES = [...COUNTER_NAMES_V1, 'lostMinutes'] as const satisfies readonly (keyof StatisticsCounters)[];

export function noCounts(): StatisticsCounters {
  return {
    measuredSpans: 0,
    clampedSpans: 0,
    clampedEdges: 0,
    otherSpans: 0,
    otherEdges: 0,
    cappedWeights: 0,
    lostMinutes: 0,
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

/** What a shard's statistics are made of; minutes are minutes since the epoch, their bytes packed rows. */
export interface StatisticsState {
  readonly now: number;
  readonly oldest: number;
  readonly counters: StatisticsCounters;
  readonly minutes: readonly {
    readonly minute: number;
    readonly isDirty: boolean;
    readonly packed: Bytes | null;
    readonly open: Bytes | null;
  }[];
  readonly leaving: readonly { readonly minute: number; readonly bytes: Bytes }[];
}

export function encodeState(state: StatisticsState): Bytes {
  const writer = createByteWriter();
  for (let shift = 0; shift < 32; shift += 8) writer.u8((MAGIC >>> shift) & 0xff);
  writer.u8(VERSION);
  writer.varint(state.now);
  writer.varint(state.oldest);
  for (const name of COUNTER_NAMES) writer.varint(state.counters[name]);
  writer.varint(state.minutes.length);
  for (const { minute, isDirty, packed, open } of state.minutes) {
    writer.varint(minute);
    writer.u8((isDirty ? IS_DIRTY : 0) | (packed ? HAS_PACKED : 0) | (open ? HAS_OPEN : 0));
    if (packed) sized(writer, packed);
    if (open) sized(writer, open);
  }
  writer.varint(state.leaving.length);
  for (const { minute, bytes } of state.leaving) {
    writer.varint(minute);
    sized(writer, bytes);
  }
  return writer.written().slice();
}

/** Throws `StatisticsRowError`; the rows inside are not looked at. */
export function decodeState(bytes: Uint8Array): StatisticsState {
  const reader = new ByteReader(bytes, (fault, offset, what) => {
    throw new StatisticsRowError(fault, offset, what);
  });
  for (let shift = 0; shift < 32; shift += 8) {
    if (reader.u8('magic') !== ((MAGIC >>> shift) & 0xff)) {
      throw new StatisticsRowError('bad_magic', reader.position, 'not a statistics state');
    }
  }
  const version = reader.u8('version');
  if (version !== VERSION && version !== 1)
    throw new StatisticsRowError('unknown_version', reader.position, `version ${version}`);
  const now = reader.varint('now');
  const oldest = reader.varint('oldest minute');
  const names = version === 1 ? COUNTER_NAMES_V1 : COUNTER_NAMES;
  const counters = noCounts();
  for (const name of names) counters[name] = reader.varint(name);
  const row = () => reader.raw(reader.varint('length of a row'), 'row').slice();
  const minutes: StatisticsState['minutes'][number][] = [];
  for (let left = reader.varint('minutes'); left > 0; left--) {
    const minute = reader.varint('minute');
    const flags = reader.u8('flags of a minute');
    const packed = (flags & HAS_PACKED) === 0 ? null : row();
    const open = (flags & HAS_OPEN) === 0 ? null : row();
    if ((!packed && !open) || flags > (IS_DIRTY | HAS_PACKED | HAS_OPEN)) {
      throw new StatisticsRowError('bad_value', reader.position, `flags ${flags} of a minute`);
    }
    minutes.push({ minute, isDirty: (flags & IS_DIRTY) !== 0, packed, open });
  }
  const leaving: StatisticsState['leaving'][number][] = [];
  for (let left = reader.varint('leaving minutes'); left > 0; left--) {
    leaving.push({ minute: reader.varint('minute'), bytes: row() });
  }
  if (reader.remaining > 0) {
    throw new StatisticsRowError('trailing_bytes', reader.position, `${reader.remaining} bytes after the last minute`);
  }
  return { now, oldest, counters, minutes, leaving };
}

function sized(writer: ByteWriter, bytes: Uint8Array): void {
  writer.varint(bytes.length);
  writer.raw(bytes);
}
