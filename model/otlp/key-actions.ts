/**
 * What is to be done with an attribute, by its key: worked out once for each key of a service and then found by its bytes. The
 * same table is what keeps a service from having ever more keys.
 */

import { MAX_KEY_BYTES, MAX_KNOWN_KEY_BYTES } from '../limits.ts';
import { KEY_CLASS, textAt } from './span-table.ts';

export const KEEP = 0;
/** Never changed, whatever the rules say: the edge goes by it. */
export const KEEP_WHOLE = 1;
export const DROP = 2;
export const MASK = 3;
export const HASH = 4;
/** Values of the query are masked, where the text is a URL or its end, and where it is the query itself. */
export const SCRUB_URL = 5;
export const SCRUB_QUERY = 6;
/** Beyond the keys that the service may have, and beyond the length of a key. */
export const TOO_MANY_KEYS = 7;
export const KEY_TOO_LONG = 8;
export type Action = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const FIXED_KEYS: ReadonlySet<string> = new Set(['service.name', KEY_CLASS]);
/** A service's table, before it holds a key. */
const TABLE_BYTES = 2_048;
const FIRST_SLOTS = 128;
/** Of a key, beside its text: its slots above all. */
const KEY_BYTES = 48;
/** Slots that are looked at for a key. No more than a few have to be, but for keys that were made to collide. */
const MAX_PROBES = 64;

/** The keys of all services that were seen, within `MAX_KNOWN_KEY_BYTES`: beyond, all are forgotten and begin anew. */
export class KnownKeys {
  private readonly actionOf: (key: string) => Action;
  private readonly maxKeys: number;
  private services = new Map<string, ServiceKeys>();
  private bytes = 0;

  /** `actionOf`: what the rules say of a key. `maxKeys`: different ones of one service. */
  constructor(actionOf: (key: string) => Action, maxKeys: number) {
    this.actionOf = actionOf;
    this.maxKeys = maxKeys;
  }

  /** Not to be held longer than a request. */
  of(service: string): ServiceKeys {
    const known = this.services.get(service);
    if (known) return known;
    const keys = new ServiceKeys(
      (key) => (FIXED_KEYS.has(key) ? KEEP_WHOLE : this.actionOf(key)),
      this.maxKeys,
      (more) => this.grow(more),
    );
    this.grow(TABLE_BYTES + 2 * service.length);
    this.services.set(service, keys);
    return keys;
  }

  private grow(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes <= MAX_KNOWN_KEY_BYTES) return;
    this.services = new Map();
    this.bytes = bytes;
  }
}

/** The keys of one service. */
export class ServiceKeys {
  private readonly actionOf: (key: string) => Action;
  private readonly maxKeys: number;
  private readonly grow: (bytes: number) => void;
  private count = 0;
  /** Of them those that count against `maxKeys`. */
  private taken = 0;
  /** Of each key: where its bytes end in `text`, and what is done with it. */
  private readonly ends: number[] = [0];
  private readonly actions: Action[] = [];
  private text = new Uint8Array(1_024);
  /** Open addressing: a slot holds 1 + the number of a key. */
  private slots = new Int32Array(FIRST_SLOTS);

  constructor(actionOf: (key: string) => Action, maxKeys: number, grow: (bytes: number) => void) {
    this.actionOf = actionOf;
    this.maxKeys = maxKeys;
    this.grow = grow;
  }

  /** What to do with an attribute whose key is at a range of `bytes`. */
  action(bytes: Uint8Array, start: number, end: number): Action {
    const mask = this.slots.length - 1;
    let slot = hashRange(bytes, start, end) & mask;
    for (let probes = 0; probes < MAX_PROBES; probes++) {
      const key = this.slots[slot]!;
      if (key === 0) return this.add(bytes, start, end, true);
      if (this.isKey(key - 1, bytes, start, end)) return this.actions[key - 1]!;
      slot = (slot + 1) & mask;
    }
    return this.add(bytes, start, end, false);
  }

  private isKey(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { text } = this;
    let at = this.ends[key]!;
    if (this.ends[key + 1]! - at !== end - start) return false;
    for (let i = start; i < end; i++) if (text[at++] !== bytes[i]) return false;
    return true;
  }

  private add(bytes: Uint8Array, start: number, end: number, hasSlot: boolean): Action {
    const action = this.actionOf(textAt(bytes, start, end));
    const length = end - start;
    // What is left out anyway takes none of the service's places, and is remembered within reason.
    const takesPlace = action !== KEEP_WHOLE && action !== DROP;
    if (length > MAX_KEY_BYTES) return takesPlace ? KEY_TOO_LONG : action;
    if (takesPlace && (this.taken >= this.maxKeys || !hasSlot)) return TOO_MANY_KEYS;
    if (!takesPlace && (this.count >= 2 * this.maxKeys || !hasSlot)) return action;
    if (takesPlace) this.taken++;
    this.grow(length + KEY_BYTES);
    const from = this.ends[this.count]!;
    if (from + length > this.text.length) {
      const grown = new Uint8Array(2 * (from + length));
      grown.set(this.text);
      this.text = grown;
    }
    this.text.set(bytes.subarray(start, end), from);
    this.ends.push(from + length);
    this.actions.push(action);
    this.count++;
    if (4 * this.count > this.slots.length) this.rehash(new Int32Array(2 * this.slots.length));
    else this.place(this.count - 1);
    return action;
  }

  private rehash(slots: Int32Array<ArrayBuffer>): void {
    this.slots = slots;
    for (let key = 0; key < this.count; key++) this.place(key);
  }

  private place(key: number): void {
    const mask = this.slots.length - 1;
    let slot = hashRange(this.text, this.ends[key]!, this.ends[key + 1]!) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = key + 1;
  }
}

function hashRange(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
  return hash ^ (hash >>> 15);
}
