/**
 * Counts, errors and durations of every span, kept or not: for each operation and each service-to-service edge, by minute
 * of the span's start. What it holds follows from the calls of `add` alone, in their order, and from the state it began
 * with: a replay makes the same rows, byte for byte, whenever rows or state were asked for in between.
 *
 * A span is counted when it has ended and is not yet measured; the caller then marks all ended spans of the view as
 * measured. An edge is counted once both its spans are measured, with the later of the two: so a parent may come after its
 * children, or end after them. What left the caller's memory before the other end was measured has no edge.
 *
 * The current minute and its neighbours are held open. Older ones are packed when the time goes on to the next minute;
 * spans that come for them still are collected beside and packed with them then.
 */

import { roundWeight } from '../model/histogram.ts';
import {
  MAX_OPEN_BUCKETS,
  MAX_STATISTICS_AGE_MINUTES,
  MAX_STATISTICS_AHEAD_MINUTES,
  MAX_STATISTICS_BYTES,
  MAX_UNWRITTEN_STATISTICS_BYTES,
} from '../model/limits.ts';
import { projectRow } from '../model/statistics-roll-up.ts';
import { decodeMinute, encodeMinute } from '../model/statistics-row.ts';
import { type Grain, StatisticsSum } from '../model/statistics-sum.ts';
import type { BucketUse } from './statistics/buckets.ts';
import { OpenMinute, type Overflow } from './statistics/open-minute.ts';
import {
  decodeState,
  encodeState,
  noCounts,
  type StatisticsCounters,
  type StatisticsState,
} from './statistics/state.ts';
import type { TraceView } from './trace-view.ts';

const MINUTE_MS = 60_000;
const MINUTE_US = 60_000_000;
/** Minutes before the current one that are held open. */
const OPEN_MINUTES = 2;
/** Packed minutes are held this much longer than spans are counted in them. */
const SLACK_MINUTES = 5;
const CLIENT = 3;

/** A minute's packed row (`docs/statistics-format.md`). It replaces the one this shard made of the minute before. */
export interface PackedMinute {
  /** Start of the minute, milliseconds since the epoch. */
  readonly minuteMs: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface HeldMinute {
  readonly minute: number;
  /** What was packed, and what came since; one of them is there. */
  packed: Uint8Array<ArrayBuffer> | null;
  open: OpenMinute | null;
  /** Changed since it was taken. */
  isDirty: boolean;
  /** The row by service, where it was asked for since the last change. */
  services: Uint8Array<ArrayBuffer> | null;
}

export class Statistics {
  readonly #minutes = new Map<number, HeldMinute>();
  /** Given up while they were dirty: they wait to be taken. */
  readonly #leaving = new Map<number, Uint8Array<ArrayBuffer>>();
  #leavingBytes = 0;
  /** The latest minute that `add` was called in, and the first one that was not given up. */
  #now = 0;
  #oldest = 0;
  #counters: StatisticsCounters = noCounts();
  readonly #use: BucketUse = { buckets: 0 };
  #trace = 0;

  /** Continues from what `encodeState` gave; throws `StatisticsRowError` when it is not that. */
  static restore(bytes: Uint8Array): Statistics {
    const state = decodeState(bytes);
    const statistics = new Statistics();
    statistics.#now = state.now;
    statistics.#oldest = state.oldest;
    statistics.#counters = state.counters;
    for (const { minute, isDirty, packed, open } of state.minutes) {
      statistics.#minutes.set(minute, {
        minute,
        isDirty,
        services: null,
        packed,
        open: open && new OpenMinute(minute, statistics.#use, statistics.#counters).absorb(decodeMinute(open)),
      });
    }
    for (const { minute, bytes } of state.leaving) statistics.#leave(minute, bytes);
    return statistics;
  }

  get counters(): Readonly<StatisticsCounters> {
    return this.#counters;
  }

  /** Counts what of the trace has ended and is not measured. `nowMs` is milliseconds since the epoch. */
  add(view: TraceView, nowMs: number): void {
    this.#advance(Math.floor(nowMs / MINUTE_MS));
    const trace = ++this.#trace;
    const count = view.spanCount;
    // Where the last span was counted, and the start of the minute that goes there; most of a trace is in one.
    let held: OpenMinute | null = null;
    let heldFromUs = Number.POSITIVE_INFINITY;
    let isClamped = false;
    for (let i = 0; i < count; i++) {
      const endUs = view.endUsOf(i);
      if (endUs === 0) continue;
      const isNew = !view.isMeasured(i);
      const parent = view.parent(i);
      const hasEdge =
        parent >= 0 &&
        view.endUsOf(parent) !== 0 &&
        (isNew || !view.isMeasured(parent)) &&
        view.service(parent) !== view.service(i);
      if (!isNew && !hasEdge) continue;

      const startUs = view.startUsOf(i);
      const durationUs = durationOf(startUs, endUs);
      if (startUs < heldFromUs || startUs >= heldFromUs + MINUTE_US) {
        const minute = this.#minuteOf(startUs);
        isClamped = minute < 0;
        held = this.#hold(isClamped ? this.#now : minute);
        heldFromUs = isClamped ? Number.POSITIVE_INFINITY : minute * MINUTE_US;
      }
      const weight = view.weight(i) === 1 ? 1 : this.#weightOf(view.weight(i));
      if (isNew) {
        this.#counters.measuredSpans++;
        if (isClamped) this.#counters.clampedSpans++;
        held!.addSpan(view, i, trace, weight, durationUs);
      }
      if (hasEdge) {
        const clientUs = view.kind(parent) === CLIENT ? durationOf(view.startUsOf(parent), view.endUsOf(parent)) : -1;
        if (isClamped) this.#counters.clampedEdges++;
        held!.addEdge(view, i, trace, weight, durationUs, clientUs);
      }
    }
    if (this.#use.buckets > MAX_OPEN_BUCKETS) this.#pack(Number.POSITIVE_INFINITY);
  }

  /** Takes the rows of all minutes that began before `beforeMs` and have changed since they were taken, oldest first. */
  takeDirty(beforeMs = Number.POSITIVE_INFINITY): PackedMinute[] {
    const taken: PackedMinute[] = [];
    for (const [minute, bytes] of this.#leaving) {
      if (minute * MINUTE_MS >= beforeMs) continue;
      taken.push({ minuteMs: minute * MINUTE_MS, bytes });
      this.#leaving.delete(minute);
      this.#leavingBytes -= bytes.length;
    }
    for (const held of this.#minutes.values()) {
      if (!held.isDirty || held.minute * MINUTE_MS >= beforeMs) continue;
      taken.push({ minuteMs: held.minute * MINUTE_MS, bytes: bytesOf(held) });
      held.isDirty = false;
    }
    return taken.sort((a, b) => a.minuteMs - b.minuteMs);
  }

  /** Takes back a row that could not be written: it, or what became of it, is taken again, while there is room for it. */
  putBack(row: PackedMinute): void {
    const minute = row.minuteMs / MINUTE_MS;
    const held = this.#minutes.get(minute);
    if (held) held.isDirty = true;
    else if (!this.#leaving.has(minute)) this.#leave(minute, row.bytes);
  }

  /** The rows at a grain that `takeDirty` would take, of minutes that begin from `fromMs` up to but not including `toMs`, without taking them. */
  readDirty(fromMs: number, toMs: number, grain: Grain): PackedMinute[] {
    const isWanted = (minute: number) => minute * MINUTE_MS >= fromMs && minute * MINUTE_MS < toMs;
    return [
      ...[...this.#leaving]
        .filter(([minute]) => isWanted(minute))
        .map(([minute, bytes]) => ({ minuteMs: minute * MINUTE_MS, bytes: projectRow(bytes, grain) })),
      ...[...this.#minutes.values()]
        .filter((held) => held.isDirty && isWanted(held.minute))
        .map((held) => ({ minuteMs: held.minute * MINUTE_MS, bytes: projectHeld(held, grain) })),
    ];
  }

  /** The rows as they are now of the minutes held here that begin from `fromMs` up to but not including `toMs`, oldest first. */
  read(fromMs: number, toMs: number): PackedMinute[] {
    const isWanted = (minute: number) => minute * MINUTE_MS >= fromMs && minute * MINUTE_MS < toMs;
    const rows: PackedMinute[] = [];
    for (const [minute, bytes] of this.#leaving)
      if (isWanted(minute)) rows.push({ minuteMs: minute * MINUTE_MS, bytes });
    for (const held of this.#minutes.values()) {
      if (isWanted(held.minute)) rows.push({ minuteMs: held.minute * MINUTE_MS, bytes: bytesOf(held) });
    }
    return rows.sort((a, b) => a.minuteMs - b.minuteMs);
  }

  /** Everything there is, for `restore`. About as large as the rows of all minutes held. */
  encodeState(): Uint8Array<ArrayBuffer> {
    const minutes: StatisticsState['minutes'] = [...this.#minutes.values()].map(
      ({ minute, isDirty, packed, open }) => ({
        minute,
        isDirty,
        packed,
        open: open && encodeMinute(open.toRow()),
      }),
    );
    const leaving = [...this.#leaving].map(([minute, bytes]) => ({ minute, bytes }));
    return encodeState({ now: this.#now, oldest: this.#oldest, counters: this.#counters, minutes, leaving });
  }

  /** The minute a span is counted in by its start, -1 when that is not one of those still counted. */
  #minuteOf(startUs: number): number {
    const minute = Math.floor(startUs / MINUTE_US);
    const first = Math.max(this.#now - MAX_STATISTICS_AGE_MINUTES, this.#oldest);
    return minute >= first && minute <= this.#now + MAX_STATISTICS_AHEAD_MINUTES ? minute : -1;
  }

  /** The minute's counts, which the caller is about to change. */
  #hold(minute: number): OpenMinute {
    let held = this.#minutes.get(minute);
    if (!held) {
      held = { minute, packed: null, open: null, isDirty: true, services: null };
      this.#minutes.set(minute, held);
    }
    held.open ??= new OpenMinute(minute, this.#use, this.#counters);
    held.isDirty = true;
    held.services = null;
    return held.open;
  }

  #weightOf(weight: number): number {
    const rounded = roundWeight(weight);
    if (rounded < weight - 1) this.#counters.cappedWeights++;
    return rounded;
  }

  /** Time goes on to a later minute: packs what is no longer current and gives up what is too old, or too much. */
  #advance(now: number): void {
    if (now <= this.#now) return;
    this.#now = now;
    this.#pack(now - OPEN_MINUTES);
    this.#oldest = Math.max(this.#oldest, now - MAX_STATISTICS_AGE_MINUTES - SLACK_MINUTES);
    const minutes = [...this.#minutes.values()].sort((a, b) => a.minute - b.minute);
    let bytes = minutes.reduce((sum, { packed }) => sum + (packed?.length ?? 0), 0);
    for (const held of minutes) {
      const isTooMuch = bytes > MAX_STATISTICS_BYTES && held.minute < now - OPEN_MINUTES;
      if (held.minute >= this.#oldest && !isTooMuch) break;
      bytes -= held.packed?.length ?? 0;
      this.#oldest = Math.max(this.#oldest, held.minute + 1);
      if (held.isDirty) this.#leave(held.minute, bytesOf(held));
      this.#minutes.delete(held.minute);
    }
  }

  /** Has a row wait to be taken, in place of the oldest ones when there is too much. */
  #leave(minute: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#leaving.set(minute, bytes);
    this.#leavingBytes += bytes.length;
    while (this.#leavingBytes > MAX_UNWRITTEN_STATISTICS_BYTES) {
      const oldest = Math.min(...this.#leaving.keys());
      this.#leavingBytes -= this.#leaving.get(oldest)!.length;
      this.#leaving.delete(oldest);
      this.#counters.lostMinutes++;
    }
  }

  /** Packs the minutes before `before` that are open. */
  #pack(before: number): void {
    for (const held of this.#minutes.values()) {
      if (!held.open || held.minute >= before) continue;
      held.packed = bytesOf(held, this.#counters);
      held.open.close();
      held.open = null;
    }
  }
}

/** The row of a minute; `overflow` hears of late spans that there is no room for. */
function bytesOf(
  { minute, packed, open }: HeldMinute,
  overflow: Overflow = { otherSpans: 0, otherEdges: 0 },
): Uint8Array<ArrayBuffer> {
  if (!open) return packed!;
  if (!packed) return encodeMinute(open.toRow());
  const whole = new OpenMinute(minute, { buckets: 0 }, overflow);
  return encodeMinute(whole.absorb(decodeMinute(packed)).absorb(open.toRow()).toRow());
}

/** The row of a minute at a grain. By service it is far less to pack, and what is packed need not be put together first. */
function projectHeld(held: HeldMinute, grain: Grain): Uint8Array<ArrayBuffer> {
  if (grain === 'operation') return bytesOf(held);
  if (held.services) return held.services;
  const sum = new StatisticsSum(grain);
  if (held.packed) sum.add(decodeMinute(held.packed));
  if (held.open) sum.add(held.open.toRow());
  held.services = encodeMinute(sum.toRow(held.minute).row);
  return held.services;
}

/** Whole microseconds; clocks that disagree with themselves make none. */
function durationOf(startUs: number, endUs: number): number {
  return Math.max(0, Math.round(endUs - startUs));
}
