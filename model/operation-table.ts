/**
 * Gives each pair of service and span name in a frame a number, comparing bytes: no text is decoded for a span whose
 * operation is known. An open-addressing table, used again for the next frame.
 */

import { MAX_NAME_CHARS } from './limits.ts';
import { cutName } from './names.ts';
import { textAt } from './otlp/span-table.ts';

const encoder = new TextEncoder();

const INITIAL_SLOTS = 128;
/** What a large frame has made larger than this is not kept for the next one. */
const KEPT_SLOTS = 4_096;
const KEPT_BYTES = 65_536;
/** u16 length of the service and of the name. */
const LENGTHS_BYTES = 4;

export class OperationTable {
  count = 0;
  /** Numbers of the services, and their UTF-8. */
  private readonly services = new Map<string, number>();
  private readonly serviceBytes: Uint8Array[] = [];
  /** Number of the operation in each slot, and the generation that put it there; other generations' slots are free. */
  private slots = new Int32Array(INITIAL_SLOTS);
  private generations = new Int32Array(INITIAL_SLOTS);
  private generation = 1;
  /** Of each operation. */
  private hashes = new Int32Array(INITIAL_SLOTS / 2);
  private serviceOf = new Int32Array(INITIAL_SLOTS / 2);
  private nameAt = new Int32Array(INITIAL_SLOTS / 2);
  private nameEnd = new Int32Array(INITIAL_SLOTS / 2);
  /** The operations as the frame has them: lengths, service, name. */
  private bytes = new Uint8Array(4_096);
  private length = 0;

  /** Bytes of all operations as the frame has them. */
  get encodedLength(): number {
    return this.length;
  }

  /** Forgets all operations. */
  reset(): void {
    this.count = this.length = this.serviceBytes.length = 0;
    this.services.clear();
    this.generation++;
    if (this.slots.length > KEPT_SLOTS) this.resize(INITIAL_SLOTS);
    if (this.bytes.length > KEPT_BYTES) this.bytes = new Uint8Array(4_096);
  }

  /** Number of a service, to be given to `operation`. */
  service(name: string): number {
    const known = this.services.get(name);
    if (known !== undefined) return known;
    const service = this.serviceBytes.length;
    this.services.set(name, service);
    this.serviceBytes.push(encoder.encode(cutName(name)));
    return service;
  }

  /** Number of the operation of a service whose name is at a range of `bytes`: from 0, in the order of first appearance. */
  operation(service: number, bytes: Uint8Array, start: number, end: number): number {
    if (end - start <= MAX_NAME_CHARS) return this.find(service, bytes, start, end);
    const cut = encoder.encode(cutName(textAt(bytes, start, end)));
    return this.find(service, cut, 0, cut.length);
  }

  /** Writes all operations to `target`, `encodedLength` bytes from `at`. */
  writeTo(target: Uint8Array, at: number): void {
    target.set(this.bytes.subarray(0, this.length), at);
  }

  private find(service: number, bytes: Uint8Array, start: number, end: number): number {
    // FNV-1a, with a last mix because the slots are its low bits.
    let hash = service ^ 0x811c_9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
    hash ^= hash >>> 15;
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    while (this.generations[slot] === this.generation) {
      const operation = this.slots[slot]!;
      if (this.hashes[operation] === hash && this.is(operation, service, bytes, start, end)) return operation;
      slot = (slot + 1) & mask;
    }
    return this.add(slot, hash, service, bytes, start, end);
  }

  private is(operation: number, service: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.nameAt[operation]!;
    if (this.serviceOf[operation] !== service || this.nameEnd[operation]! - at !== end - start) return false;
    for (let i = 0; i < end - start; i++) if (this.bytes[at + i] !== bytes[start + i]) return false;
    return true;
  }

  private add(slot: number, hash: number, service: number, bytes: Uint8Array, start: number, end: number): number {
    const operation = this.count++;
    this.slots[slot] = operation;
    this.generations[slot] = this.generation;
    this.hashes[operation] = hash;
    this.serviceOf[operation] = service;
    this.append(this.serviceBytes[service]!, bytes.subarray(start, end));
    this.nameEnd[operation] = this.length;
    this.nameAt[operation] = this.length - (end - start);
    if (this.count * 2 === this.slots.length) this.resize(this.slots.length * 4);
    return operation;
  }

  private append(service: Uint8Array, name: Uint8Array): void {
    const needed = this.length + LENGTHS_BYTES + service.length + name.length;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(needed * 2);
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    const { bytes, length } = this;
    bytes[length] = service.length;
    bytes[length + 1] = service.length >> 8;
    bytes[length + 2] = name.length;
    bytes[length + 3] = name.length >> 8;
    bytes.set(service, length + LENGTHS_BYTES);
    bytes.set(name, needed - name.length);
    this.length = needed;
  }

  private resize(size: number): void {
    const { hashes, serviceOf, nameAt, nameEnd, count } = this;
    this.slots = new Int32Array(size);
    this.generations = new Int32Array(size);
    this.hashes = new Int32Array(size / 2);
    this.serviceOf = new Int32Array(size / 2);
    this.nameAt = new Int32Array(size / 2);
    this.nameEnd = new Int32Array(size / 2);
    this.hashes.set(hashes.subarray(0, count));
    this.serviceOf.set(serviceOf.subarray(0, count));
    this.nameAt.set(nameAt.subarray(0, count));
    this.nameEnd.set(nameEnd.subarray(0, count));
    for (let operation = 0; operation < count; operation++) {
      let slot = hashes[operation]! & (size - 1);
      while (this.generations[slot] === this.generation) slot = (slot + 1) & (size - 1);
      this.slots[slot] = operation;
      this.generations[slot] = this.generation;
    }
  }
}
