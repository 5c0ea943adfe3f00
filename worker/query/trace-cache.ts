/**
 * What this isolate holds of stored traces that it has read: their bytes, and what was made of them. Nothing here is answered before
 * the store has said that the version still stands, and the shard that it has nothing to add.
 */

import { MAX_CACHED_BYTES, MAX_CACHED_TRACE_BYTES } from '../../model/limits.ts';

/** Beside the bytes: the entry and its texts. */
const ENTRY_BYTES = 1_024;

export interface CachedTrace<T> {
  readonly version: string;
  readonly trace: T;
  /** What was made of it, by what it was made with. */
  readonly bodies: Map<string, Uint8Array>;
  bytes: number;
}

/** The least recently used go first. */
export class TraceCache<T> {
  readonly #traces = new Map<string, CachedTrace<T>>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(traceId: string): CachedTrace<T> | undefined {
    const cached = this.#traces.get(traceId);
    if (cached === undefined) return undefined;
    this.#traces.delete(traceId);
    this.#traces.set(traceId, cached);
    return cached;
  }

  /** In the place of what is held of the trace. `bytes`: what `trace` takes. */
  put(traceId: string, version: string, trace: T, bytes: number): void {
    this.remove(traceId);
    const cached = { version, trace, bodies: new Map(), bytes: ENTRY_BYTES + bytes };
    if (cached.bytes > MAX_CACHED_TRACE_BYTES) return;
    this.#traces.set(traceId, cached);
    this.#bytes += cached.bytes;
    this.#makeRoom();
  }

  remove(traceId: string): void {
    this.#bytes -= this.#traces.get(traceId)?.bytes ?? 0;
    this.#traces.delete(traceId);
  }

  body(traceId: string, version: string, name: string): Uint8Array | undefined {
    const cached = this.#traces.get(traceId);
    return cached?.version === version ? cached.bodies.get(name) : undefined;
  }

  /** Of a version that is not held any more, or beyond the bound of one trace, nothing is. */
  putBody(traceId: string, version: string, name: string, body: Uint8Array): void {
    const cached = this.#traces.get(traceId);
    if (cached?.version !== version) return;
    const bytes = cached.bytes - (cached.bodies.get(name)?.length ?? 0) + body.length;
    if (bytes > MAX_CACHED_TRACE_BYTES) return;
    cached.bodies.set(name, body);
    this.#bytes += bytes - cached.bytes;
    cached.bytes = bytes;
    this.#makeRoom();
  }

  #makeRoom(): void {
    for (const traceId of this.#traces.keys()) {
      if (this.#bytes <= MAX_CACHED_BYTES) return;
      this.remove(traceId);
    }
  }
}
