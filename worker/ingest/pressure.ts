/**
 * How pressed those are that this isolate hands spans to, as they have said lately, and what senders are told of it: in the header
 * `tailrace-pressure` of every answer, and in how long a refused one is to wait.
 */

import type { PressureLevel } from '../../durable-objects/pressure.ts';
import { MAX_CALLERS, MAX_SHARDS } from '../../model/limits.ts';
import { IngestError } from '../errors.ts';

export const PRESSURE_HEADER = 'tailrace-pressure';

/**
 * - `normal`: send as you like.
 * - `moderate`: send less often.
 * - `high`: send only what matters most; requests without an error, a slow or a critical span may be refused.
 * - `overload`: every request may be refused; wait as long as the answer says.
 */
export const PRESSURES = ['normal', 'moderate', 'high', 'overload'] as const;
export type Pressure = (typeof PRESSURES)[number];

/** What a shard's levels are for a sender. */
const OF_LEVEL: Readonly<Record<PressureLevel, Pressure>> = {
  0: 'normal',
  1: 'moderate',
  2: 'moderate',
  3: 'high',
  4: 'overload',
};

/** Longer than this nothing is held against a shard: the next request finds out anew. */
const FRESH_MS = 1_000;

/** Of each shard, then of the whole: what the capacity's bucket and this isolate's own memory were short of. */
const WHOLE = MAX_SHARDS;
const ranks = new Uint8Array(MAX_SHARDS + 1);
const notedMs = new Float64Array(MAX_SHARDS + 1).fill(Number.NEGATIVE_INFINITY);

/** When a caller was last refused because it takes more than its share. */
const aboveShareMs = new Map<string, number>();

/** A shard has said so with an answer. */
export function noteShard(shard: number, level: PressureLevel): void {
  ranks[shard] = PRESSURES.indexOf(OF_LEVEL[level]);
  notedMs[shard] = Date.now();
}

/** What all spans have to pass is short of something. What was noted before stands while it is worse. */
export function noteWhole(pressure: Pressure): void {
  const rank = PRESSURES.indexOf(pressure);
  if (rank < rankOf(WHOLE, Date.now())) return;
  ranks[WHOLE] = rank;
  notedMs[WHOLE] = Date.now();
}

/** A caller takes more than its share of the capacity: it is asked for what matters most only, others are not. */
export function noteCaller(who: string): void {
  if (aboveShareMs.size >= MAX_CALLERS) aboveShareMs.clear();
  aboveShareMs.set(who, Date.now());
}

/** The shard asks for what matters most only. */
export function isShardHigh(shard: number): boolean {
  return rankOf(shard, Date.now()) >= 2;
}

/** The worst of all, for who sends. */
export function currentPressure(who: string): Pressure {
  const nowMs = Date.now();
  let rank = nowMs - (aboveShareMs.get(who) ?? Number.NEGATIVE_INFINITY) < FRESH_MS ? PRESSURES.indexOf('high') : 0;
  for (let i = 0; i <= WHOLE; i++) rank = Math.max(rank, rankOf(i, nowMs));
  return PRESSURES[rank]!;
}

function rankOf(i: number, nowMs: number): number {
  return nowMs - notedMs[i]! < FRESH_MS ? ranks[i]! : 0;
}

/** To be thrown: 429. Senders that are refused together are told to come again at different times, up to twice as late. */
export function overloaded(message: string, waitMs: number): IngestError {
  return new IngestError(429, 'overloaded', message, spreadSeconds(waitMs));
}

/** To be thrown: 503, where a shard or the Ledger did not answer. */
export function unavailable(message: string, waitMs: number): IngestError {
  return new IngestError(503, 'unavailable', message, spreadSeconds(waitMs));
}

function spreadSeconds(waitMs: number): number {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return seconds + Math.floor(Math.random() * (seconds + 1));
}
