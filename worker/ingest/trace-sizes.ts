/**
 * How many spans this isolate has seen of pages' traces lately, to tell a page that makes too many of one. A page stays with
 * one isolate for the most part; where it does not, it is told later.
 */

import { formatHex } from '../../model/ids.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** Ids of traces of which the sender is told to record no more. */
    stopped: readonly string[] | undefined;
  }
}

/** Traces that are known; the one that was seen longest ago has to go first. */
const MAX_TRACES = 2_000;
/** Of one answer: a header is short. */
const MAX_STOPPED = 16;

export class TraceSizes {
  readonly #sizes = new Map<string, number>();

  /** Counts spans, and gives the ids of those of their traces that have more than `max`. */
  add(spans: readonly { readonly traceId: Uint8Array }[], max: number): string[] {
    const counts = new Map<string, number>();
    for (const { traceId } of spans) {
      const id = formatHex(traceId);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const stopped: string[] = [];
    for (const [id, count] of counts) {
      const size = (this.#sizes.get(id) ?? 0) + count;
      this.#sizes.delete(id);
      this.#sizes.set(id, size);
      if (size > max && stopped.length < MAX_STOPPED) stopped.push(id);
    }
    for (const id of this.#sizes.keys()) {
      if (this.#sizes.size <= MAX_TRACES) break;
      this.#sizes.delete(id);
    }
    return stopped;
  }
}
