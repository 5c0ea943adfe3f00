/**
 * Which shard a trace belongs to: its id has a slot, and a table gives every slot to a shard. A table that has followed
 * another names those before it for as long as any shard still holds traces under them.
 */

import { ROUTING_SLOTS } from './limits.ts';

export interface RoutingTable {
  /** Grows with every change; 0 where a Worker has to guess because Control does not answer. */
  readonly version: number;
  /** Shards that slots are given to, numbered from 0. */
  readonly shards: number;
  /** How many there were in the tables before this one that are not drained yet, oldest first. */
  readonly former: readonly number[];
  /** The most there ever were. */
  readonly highest: number;
}

/** Tables that may be draining at the same time; a further change waits. */
export const MAX_FORMER_TABLES = 3;

/**
 * Slot of a trace: MurmurHash3's 32-bit finalizer over all 16 bytes, so that left-padded 64-bit ids spread like random
 * ones. Sampling uses the last 7 bytes unmixed, so the two are independent.
 */
export function slotOf(bytes: Uint8Array, at = 0): number {
  return slotOfWords(wordAt(bytes, at), wordAt(bytes, at + 4), wordAt(bytes, at + 8), wordAt(bytes, at + 12));
}

/** The same, of an id as four little-endian words. */
export function slotOfWords(w0: number, w1: number, w2: number, w3: number): number {
  let hash = step(0x7261_696c, w0);
  hash = step(hash, w1);
  hash = step(hash, w2);
  hash = step(hash, w3);
  return (mix(hash) >>> 0) % ROUTING_SLOTS;
}

/** The shard that owns a slot where there are so many shards. */
export function ownerOf(slot: number, shards: number): number {
  return Math.floor((slot * shards) / ROUTING_SLOTS);
}

/** Every shard that may hold traces of a slot: the owner first, then those before it. */
export function holdersOf(slot: number, { shards, former }: RoutingTable): number[] {
  return [...new Set([shards, ...former].map((count) => ownerOf(slot, count)))];
}

/** Shards that may hold traces: as many as this, from 0. */
export function shardsInUse({ shards, former }: RoutingTable): number {
  return Math.max(shards, ...former);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function step(hash: number, word: number): number {
  return Math.imul(mix(hash ^ word), 0x9e37_79b1);
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
