/**
 * Numbers a minute's operations as they come. Strings are looked at when an operation comes for the first time; after that
 * the shard's id of it is enough. Beyond the limits an operation has the number of `other`.
 */

import { encodeText } from '../../model/bytes.ts';
import {
  MAX_MINUTE_OPERATIONS,
  MAX_MINUTE_TEXT_BYTES,
  MAX_OPERATIONS_PER_SERVICE,
  MAX_SERVICES,
} from '../../model/limits.ts';
import { cutName } from '../../model/names.ts';
import { type OperationName, OTHER } from '../../model/statistics-row.ts';
import type { TraceView } from '../trace-view.ts';
import { grown, IntTable } from './int-table.ts';

/** Numbers are below MAX_MINUTE_OPERATIONS + MAX_SERVICES + 2. */
export const MAX_NUMBER_BITS = 14;

/** Whether an operation goes by its own name, as `other` of its service, or as `other` of the service `other`. */
export type Tier = 0 | 1 | 2;

export class OperationNumbers {
  readonly #operations: OperationName[] = [];
  readonly #tiers: Tier[] = [];
  /** By service and name. */
  readonly #numbers = new Map<string, Map<string, number>>();
  /** Apart from `other`, of which there is always room for one a service. */
  #namedServices = 0;
  #named = 0;
  #textBytes = 0;
  /** Numbers by the shard's id of the operation, of those with a name: those of `other` would be without end. */
  readonly #ids = new IntTable();
  #numberOfId = new Int32Array(64);

  /** The number of span `i`'s operation. */
  ofSpan(view: TraceView, i: number): number {
    const id = view.operation(i);
    const known = this.#ids.find(id);
    if (known >= 0) return this.#numberOfId[known]!;
    const number = this.of(view.service(i), view.name(i));
    if (this.#tiers[number] === 0) {
      if (this.#ids.size === this.#numberOfId.length) this.#numberOfId = grown(this.#numberOfId);
      this.#numberOfId[this.#ids.add(id)] = number;
    }
    return number;
  }

  of(service: string, name: string): number {
    return this.#find(cutName(service), cutName(name));
  }

  isOther(number: number): boolean {
    return this.#tiers[number]! > 0;
  }

  tier(number: number): Tier {
    return this.#tiers[number]!;
  }

  /** What counts for an operation that there is no room for: `other` of its service, then of all. */
  otherFor(number: number): number {
    return this.#tiers[number] === 0 ? this.#find(this.#operations[number]!.service, OTHER) : this.#find(OTHER, OTHER);
  }

  /** All operations, by service and name, and by number the place of each among them. */
  inOrder(): { readonly operations: readonly OperationName[]; readonly rankOf: Int32Array } {
    const numbers = this.#operations.map((_, number) => number);
    numbers.sort((a, b) => compare(this.#operations[a]!, this.#operations[b]!));
    const rankOf = new Int32Array(numbers.length);
    for (const [rank, number] of numbers.entries()) rankOf[number] = rank;
    return { operations: numbers.map((number) => this.#operations[number]!), rankOf };
  }

  #find(service: string, name: string): number {
    const names = this.#numbers.get(service);
    const known = names?.get(name);
    if (known !== undefined) return known;
    if (name === OTHER) {
      if (!names && service !== OTHER && !this.#hasRoomFor(service, OTHER)) return this.#find(OTHER, OTHER);
      return this.#add(service, name, service === OTHER ? 2 : 1);
    }
    if (this.#hasRoomFor(service, name)) return this.#add(service, name, 0);
    return names ? this.#find(service, OTHER) : this.#find(OTHER, OTHER);
  }

  #hasRoomFor(service: string, name: string): boolean {
    const names = this.#numbers.get(service);
    if (!names && service !== OTHER && this.#namedServices >= MAX_SERVICES) return false;
    if (name !== OTHER && this.#named >= MAX_MINUTE_OPERATIONS) return false;
    if (names && names.size - (names.has(OTHER) ? 1 : 0) >= MAX_OPERATIONS_PER_SERVICE) return false;
    return this.#textBytes + textBytes(names, service, name) <= MAX_MINUTE_TEXT_BYTES;
  }

  #add(service: string, name: string, tier: Tier): number {
    let names = this.#numbers.get(service);
    this.#textBytes += textBytes(names, service, name);
    if (!names) {
      names = new Map();
      this.#numbers.set(service, names);
      if (service !== OTHER) this.#namedServices++;
    }
    if (tier === 0) this.#named++;
    names.set(name, this.#operations.length);
    this.#tiers.push(tier);
    return this.#operations.push({ service, name }) - 1;
  }
}

/** UTF-8 bytes that a further operation takes; `other` takes none, there is room for it. */
function textBytes(names: ReadonlyMap<string, number> | undefined, service: string, name: string): number {
  const ofService = names || service === OTHER ? 0 : encodeText(service).length;
  return ofService + (name === OTHER ? 0 : encodeText(name).length);
}

function compare(a: OperationName, b: OperationName): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return 0;
}
