/**
 * Gives each pair of service and span name in a frame a number, comparing bytes: no text is decoded for a span whose
 * operation is known. An open-addressing table, used again for the next frame.
 */

import { MAX_NAME_CHARS } from './limits.ts';
import { cutName } from './names.ts';
import { TooManyError } from './otlp/proto-reader.ts';
import { textAt } from './otlp/span-table.ts';

const encoder = new TextEncoder();

const INITIAL_SLOTS = 128;
const INITIAL_BYTES = 4_096;
/** What a large frame has made larger than this is not kept for the next one. */
const KEPT_SLOTS = 4_096;
const KEPT_BYTES = 65_536;
/** u16 length of the service and of the name. */
const LENGTHS_BYTES = 4;

export class OperationTable {
  count = 0;
  private readonly maxBytes: number;
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
  private bytes = new Uint8Array(INITIAL_BYTES);
  private view = new DataView(this.bytes.buffer);
  private length = 0;

  /** `maxBytes` bounds what all operations may have: each has its service's name again, which can be a lot. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

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
    if (this.bytes.length > KEPT_BYTES) {
      this.bytes = new Uint8Array(INITIAL_BYTES);
      this.view = new DataView(this.bytes.buffer);
    }
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

  /** Number of the operation of a service whose name is at a range of `source`: from 0, in the order of first appearance.
   * Throws TooManyError. */
  operation(service: number, source: DataView, start: number, end: number): number {
    if (end - start <= MAX_NAME_CHARS) return this.find(service, source, start, end);
    const cut = encoder.encode(cutName(textAt(bytesOf(source), start, end)));
    return this.find(service, new DataView(cut.buffer, cut.byteOffset), 0, cut.length);
  }

  /** Writes all operations to `target`, `encodedLength` bytes from `at`. */
  writeTo(target: Uint8Array, at: number): void {
    target.set(this.bytes.subarray(0, this.length), at);
  }

  private find(service: number, source: DataView, start: number, end: number): number {
    const hash = hashRange(service, source, start, end);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    while (this.generations[slot] === this.generation) {
      const operation = this.slots[slot]!;
      if (this.hashes[operation] === hash && this.is(operation, service, source, start, end)) return operation;
      slot = (slot + 1) & mask;
    }
    const operation = this.add(hash, service, bytesOf(source).subarray(start, end));
    this.slots[slot] = operation;
    this.generations[slot] = this.generation;
    if (this.count * 2 === this.slots.length) this.resize(this.slots.length * 4);
    return operation;
  }

  private is(operation: number, service: number, source: DataView, start: number, end: number): boolean {
    const at = this.nameAt[operation]!;
    const length = end - start;
    if (this.serviceOf[operation] !== service || this.nameEnd[operation]! - at !== length) return false;
    const { view } = this;
    if (length < 4) {
      for (let i = 0; i < length; i++) if (view.getUint8(at + i) !== source.getUint8(start + i)) return false;
      return true;
    }
    for (let i = 0; i < length - 4; i += 4) if (view.getInt32(at + i) !== source.getInt32(start + i)) return false;
    return view.getInt32(at + length - 4) === source.getInt32(end - 4);
  }

  private add(hash: number, service: number, name: Uint8Array): number {
    const operation = this.count++;
    this.hashes[operation] = hash;
    this.serviceOf[operation] = service;
    this.append(this.serviceBytes[service]!, name);
    this.nameEnd[operation] = this.length;
    this.nameAt[operation] = this.length - name.length;
    return operation;
  }

  private append(service: Uint8Array, name: Uint8Array): void {
    const needed = this.length + LENGTHS_BYTES + service.length + name.length;
    if (needed > this.maxBytes) throw new TooManyError(`more than ${this.maxBytes} bytes of operations`);
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(needed * 2);
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
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

/** Mixes words of four bytes, the last of which may overlap the one before; the slots are the low bits. */
function hashRange(seed: number, source: DataView, start: number, end: number): number {
  let hash = Math.imul(seed ^ (end - start), 0x9e37_79b1);
  if (end - start < 4) {
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ source.getUint8(i), 0x0100_0193);
  } else {
    for (let i = start; i < end - 4; i += 4) {
      hash = Math.imul(hash ^ source.getInt32(i), 0x85eb_ca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ source.getInt32(end - 4), 0x85eb_ca6b);
  }
  return hash ^ (hash >>> 15);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
