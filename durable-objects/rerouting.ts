/**
 * Where traces are while the table of shards changes. A trace stays with the shard that took it in first until that has
 * forgotten it. A new owner asks those before it for every trace it does not know; whoever was asked knows the new table from
 * then on, and takes in no trace any more that it does not know: so no trace is ever new to two shards.
 */

import { joinAppendFrame, splitAppendFrame } from '../model/append-frame.ts';
import { MAX_SHARDS } from '../model/limits.ts';
import { holdersOf, ownerOf, type RoutingTable, slotOf, slotOfWords } from '../model/routing.ts';
import { concatBytes, readFrame } from '../model/slice-frame.ts';
import type { ShardApi } from './protocol.ts';
import { parseWords, type TraceWords } from './trace-words.ts';

export interface ReroutingDeps {
  /** This shard's number; -1 for an object that has no part in the table. */
  readonly self: number;
  readonly table: () => RoutingTable;
  /** Puts a newer table in force. */
  readonly adopt: (table: RoutingTable) => void;
  /** Something of the trace is here, or was here and is remembered. */
  readonly knows: (id: TraceWords) => boolean;
  readonly shard: (number: number) => Pick<ShardApi, 'claim' | 'get' | 'keep' | 'erase'>;
}

/** A slice whose trace is not known here, though its slot belongs here. */
interface Unknown {
  readonly bytes: Uint8Array;
  readonly former: readonly number[];
}

/** Frames by shard, as they are right under this version of the table. */
interface Shares {
  readonly version: number;
  readonly frames: ReadonlyMap<number, Uint8Array>;
}

export class Rerouting {
  private readonly deps: ReroutingDeps;
  readonly self: number;

  constructor(deps: ReroutingDeps) {
    this.deps = deps;
    this.self = deps.self;
  }

  /** Every slot belongs to where the sender has sent it: there is one table, and both know it. */
  isSettled(senders: RoutingTable): boolean {
    const { version, former } = this.deps.table();
    return version > 0 && former.length === 0 && senders.version === version;
  }

  /** A slot's traces belong to another shard. */
  isMoved(w0: number, w1: number, w2: number, w3: number): boolean {
    return this.self !== -1 && ownerOf(slotOfWords(w0, w1, w2, w3), this.deps.table().shards) !== this.self;
  }

  /** Other shards that may hold a trace, the most likely first. `traceId`: 32 hex digits. */
  others(traceId: string): Pick<ShardApi, 'get' | 'keep' | 'erase'>[] {
    if (this.self === -1) return [];
    return holdersOf(slotOfWords(...parseWords(traceId)), this.deps.table())
      .filter((shard) => shard !== this.self)
      .map((shard) => this.deps.shard(shard));
  }

  /** Cuts a frame by the shard that holds each slice's trace or is to take it in. */
  async split(frame: Uint8Array): Promise<Shares> {
    const { slices } = splitAppendFrame(frame);
    const shares = new Map<number, Uint8Array[]>();
    const give = (shard: number, slice: Uint8Array) => {
      const share = shares.get(shard);
      if (share) share.push(slice);
      else shares.set(shard, [slice]);
    };
    const unknown: Unknown[] = [];
    const table = this.deps.table();
    for (const { traceIdAt, end } of readFrame(slices)) {
      const slice = slices.subarray(traceIdAt, end);
      const [owner, ...former] = holdersOf(slotOf(slice), table);
      if (this.self === -1 || this.deps.knows(wordsOf(slice))) give(this.self, slice);
      else if (owner !== this.self) give(owner!, slice);
      else unknown.push({ bytes: slice, former });
    }
    const holders = await this.claim(unknown, table);
    // Somebody knows better: all of it once more.
    if (!holders) return this.split(frame);
    for (const [i, { bytes }] of unknown.entries()) give(holders[i]!, bytes);
    // The usual case: what is new and this shard's own.
    if (shares.size === 1) return { version: table.version, frames: new Map([[[...shares.keys()][0]!, frame]]) };
    const frames = [...shares].map(([shard, parts]) => [shard, joinAppendFrame(concatBytes(parts))] as const);
    return { version: table.version, frames: new Map(frames) };
  }

  /** For each slice the shard that holds its trace already, else this one; null when there is a newer table. */
  private async claim(unknown: readonly Unknown[], table: RoutingTable): Promise<number[] | null> {
    const holders = unknown.map(() => this.self);
    const formers = new Set(unknown.flatMap(({ former }) => former));
    let isNewer = false;
    await Promise.all(
      [...formers].map(async (shard) => {
        const asked = [...unknown.keys()].filter((i) => unknown[i]!.former.includes(shard));
        // Copies: a call carries all of the buffer that a view is of.
        const ids = concatBytes(asked.map((i) => unknown[i]!.bytes.slice(0, 16)));
        const answer = await this.deps.shard(shard).claim(ids, table);
        if ('newer' in answer) {
          this.deps.adopt(answer.newer);
          isNewer = true;
        } else for (const [k, i] of asked.entries()) if (answer.known[k]) holders[i] = shard;
      }),
    );
    return isNewer ? null : holders;
  }
}

/**
 * The number in the name `shard-…` that an object's id was made of; -1 for another name. An object that an alarm has woken may
 * not be told its name (https://github.com/cloudflare/workerd/issues/6850): then it is the number whose id this is.
 */
export function shardNumberOf(id: DurableObjectId, idFromName: (name: string) => DurableObjectId): number {
  if (id.name !== undefined) return Number(/^shard-(\d+)$/.exec(id.name)?.[1] ?? -1);
  for (let number = 0; number < MAX_SHARDS; number++) if (idFromName(`shard-${number}`).equals(id)) return number;
  return -1;
}

/** What `knows` says to each of the ids, 16 bytes each. */
export function knownOf(ids: Uint8Array, knows: (id: TraceWords) => boolean): boolean[] {
  return Array.from({ length: ids.length / 16 }, (_, i) => knows(wordsOf(ids.subarray(i * 16))));
}

/** Of the 16 bytes that it begins with. */
function wordsOf(bytes: Uint8Array): TraceWords {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)];
}
