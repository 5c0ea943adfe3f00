/** What is stored of the statistics of a range, in as few pieces as there are: roll-ups, and rows for the rest. */

import { decodeRollUp } from '../model/statistics-roll-up.ts';
import { decodeMinute, type MinuteRow } from '../model/statistics-row.ts';
import type { Grain, SummedRow } from '../model/statistics-sum.ts';
import { ROLL_UP_LENGTHS_MS } from './bounds.ts';
import type { Store } from './store.ts';

/** What is read in one call: some 5 MB of a busy deployment. */
const ROWS_AT_ONCE = { operation: 40, service: 1_000 };
const ROLL_UPS_AT_ONCE = { operation: 24, service: 1_440 };

/** Counts of a time, none of which are in another piece. */
export interface Piece {
  /** Of its latest minute, where it is the sum of several. */
  readonly row: MinuteRow;
  /** The first minute it is about; milliseconds since the epoch. */
  readonly startMs: number;
  /** Of a sum, when each of its cells was last counted in. */
  readonly minutes?: Omit<SummedRow, 'row'>;
}

export interface PiecesQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly grain: Grain;
  /** No piece is about more than one of the periods that follow each other in this length, from the epoch on. */
  readonly stepMs?: number;
  /** Minutes that no roll-up may be about. */
  readonly except?: ReadonlySet<number>;
  /** Rows that are left out. */
  readonly isReplaced?: (minuteMs: number, shard: string) => boolean;
}

type Range = readonly [fromMs: number, toMs: number];

type Reader = Pick<Store, 'readRollUps' | 'readStatistics'>;

/** @throws StoreError, and StatisticsRowError for what cannot be read */
export async function* readPieces(store: Reader, query: PiecesQuery): AsyncGenerator<Piece> {
  const { grain, isReplaced } = query;
  let gaps: Range[] = [[query.fromMs, query.toMs]];
  for (const lengthMs of ROLL_UP_LENGTHS_MS) {
    if (query.stepMs !== undefined && query.stepMs % lengthMs !== 0) continue;
    const left: Range[] = [];
    const found = gaps.map((gap) => started(rollUpsIn(store, lengthMs, gap, query)));
    for (const [i, gap] of gaps.entries()) {
      let fromMs = gap[0];
      for await (const { startMs, data } of found[i]!) {
        if (startMs > fromMs) left.push([fromMs, startMs]);
        fromMs = startMs + lengthMs;
        const { row, ...minutes } = decodeRollUp(data);
        yield { row, startMs, minutes };
      }
      if (fromMs < gap[1]) left.push([fromMs, gap[1]]);
    }
    gaps = left;
  }
  for (const rows of gaps.map((gap) => started(rowsIn(store, gap, grain)))) {
    for await (const { minuteMs, shard, data } of rows) {
      if (!isReplaced?.(minuteMs, shard)) yield { row: decodeMinute(data), startMs: minuteMs };
    }
  }
}

async function* rowsIn(store: Reader, [fromMs, toMs]: Range, grain: Grain) {
  const limit = ROWS_AT_ONCE[grain];
  let rows = await store.readStatistics(fromMs, toMs, { grain, limit });
  while (rows.length > 0) {
    yield* rows;
    if (rows.length < limit) return;
    const { minuteMs, shard } = rows.at(-1)!;
    rows = await store.readStatistics(minuteMs, toMs, { grain, limit, afterShard: shard });
  }
}

async function* rollUpsIn(store: Reader, lengthMs: number, [fromMs, toMs]: Range, { grain, except }: PiecesQuery) {
  const whole: Range = [Math.ceil(fromMs / lengthMs) * lengthMs, Math.floor(toMs / lengthMs) * lengthMs];
  const spoilt = new Set([...(except ?? [])].map((minuteMs) => minuteMs - (minuteMs % lengthMs)));
  const atOnceMs = ROLL_UPS_AT_ONCE[grain] * lengthMs;
  for (let at = whole[0]; at < whole[1]; at += atOnceMs) {
    for (const rollUp of await store.readRollUps(lengthMs, at, Math.min(at + atOnceMs, whole[1]), grain)) {
      if (!spoilt.has(rollUp.startMs)) yield rollUp;
    }
  }
}

/** The same values, of which the first one is asked for now: so those who are read one after the other wait together. */
function started<T>(values: AsyncGenerator<T>): AsyncGenerator<T> {
  const first = values.next();
  // Whoever reads it hears of it; nobody does after another one has failed.
  first.catch(() => {});
  return (async function* () {
    for (let next = await first; !next.done; next = await values.next()) yield next.value;
  })();
}
