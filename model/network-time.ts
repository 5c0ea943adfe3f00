import type { SpanTree } from './tree.ts';

/** A client span whose servers are in the trace. */
export interface Hop {
  readonly client: number;
  /** Several where the client's span covers retries or redirects. */
  readonly servers: readonly number[];
  /**
   * Of the client's time, what no server's span covers: network, proxies, queues. Absent where a span has no end, or the
   * servers took longer together than the client waited.
   */
  readonly networkUs?: number;
}

/**
 * The hops of a trace by row of the client. It takes durations only, so that clock skew does not matter; of several servers it
 * assumes that the client asked them one after the other. O(n).
 */
export function networkTimes({ spans, parent }: SpanTree): Hop[] {
  const serversOf = new Map<number, number[]>();
  for (let row = 0; row < spans.length; row++) {
    const client = parent[row]!;
    if (client < 0 || spans[row]!.kind !== 'server' || spans[client]!.kind !== 'client') continue;
    const known = serversOf.get(client);
    if (known === undefined) serversOf.set(client, [row]);
    else known.push(row);
  }
  return [...serversOf]
    .sort(([a], [b]) => a - b)
    .map(([client, servers]) => {
      const networkUs = servers.reduce<number>(
        (left, row) => left - (spans[row]!.durationUs ?? Number.NaN),
        spans[client]!.durationUs ?? Number.NaN,
      );
      return networkUs >= 0 ? { client, servers, networkUs } : { client, servers };
    });
}
