/**
 * The pairs of service and span name that a shard has met, each with a small number that stays the same as long as the
 * shard lives. Past the limits a pair becomes the service's `other`, and past those of services, `other` of `other`.
 */

import { MAX_OPERATIONS_PER_SERVICE, MAX_OPERATIONS_PER_SHARD } from '../../model/limits.ts';
import { textAt } from '../../model/otlp/span-table.ts';

export const OTHER = 'other';

export class Operations {
  private readonly services: string[] = [];
  private readonly names: string[] = [];
  private readonly hashes: number[] = [];
  /** UTF-8 of service and name, to compare without decoding. */
  private readonly keys: Uint8Array[] = [];
  private readonly perService = new Map<string, number>();
  /** Id + 1 by hash, 0 for none; a third full at most. */
  private readonly table = new Int32Array(1 << 16);
  private readonly seen: (id: number, service: string, name: string) => void;
  private lastResortId = -1;
  /** Pairs that were counted as `other`. */
  overflowed = 0;

  /** `seen` hears of each new pair. */
  constructor(seen: (id: number, service: string, name: string) => void) {
    this.seen = seen;
  }

  get size(): number {
    return this.names.length;
  }

  service(id: number): string {
    return this.services[id]!;
  }

  name(id: number): string {
    return this.names[id]!;
  }

  /** The id of the pair whose UTF-8 stands in `bytes`: the service from `start`, the name from `middle` to `end`. */
  intern(bytes: Uint8Array, start: number, middle: number, end: number): number {
    let hash = middle - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const mask = this.table.length - 1;
    let at = (hash ^ (hash >>> 15)) & mask;
    for (let id = this.table[at]! - 1; id !== -1; id = this.table[at]! - 1) {
      if (this.hashes[id] === hash && isSame(this.keys[id]!, bytes, start, end)) return id;
      at = (at + 1) & mask;
    }
    const service = textAt(bytes, start, middle);
    const name = textAt(bytes, middle, end);
    if (!this.hasRoom(service, name)) {
      this.overflowed++;
      return name === OTHER && service === OTHER ? this.lastResort : this.idOf(name === OTHER ? OTHER : service, OTHER);
    }
    this.table[at] = this.size + 1;
    return this.add(service, name, hash, bytes.slice(start, end));
  }

  private hasRoom(service: string, name: string): boolean {
    if (name === OTHER) return this.size < MAX_OPERATIONS_PER_SHARD + MAX_OTHERS;
    const known = this.perService.get(service) ?? 0;
    return this.size < MAX_OPERATIONS_PER_SHARD && known < MAX_OPERATIONS_PER_SERVICE;
  }

  private add(service: string, name: string, hash: number, key: Uint8Array): number {
    const id = this.size;
    this.services.push(service);
    this.names.push(name);
    this.hashes.push(hash);
    this.keys.push(key);
    this.perService.set(service, (this.perService.get(service) ?? 0) + 1);
    this.seen(id, service, name);
    return id;
  }

  /** `other` of `other`, where not even that has room in the table. */
  private get lastResort(): number {
    if (this.lastResortId === -1) this.lastResortId = this.add(OTHER, OTHER, 0, new Uint8Array(0));
    return this.lastResortId;
  }

  idOf(service: string, name: string): number {
    const s = encoder.encode(service);
    const n = encoder.encode(name);
    const key = new Uint8Array(s.length + n.length);
    key.set(s);
    key.set(n, s.length);
    return this.intern(key, 0, s.length, key.length);
  }
}

const encoder = new TextEncoder();
/** Services beyond the shard's operations that still get an `other` of their own. */
const MAX_OTHERS = 1_000;

function isSame(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0; i < key.length; i++) if (key[i] !== bytes[start + i]) return false;
  return true;
}
