import { concatBytes } from '../model/slice-frame.ts';
import { splitTraces } from './split-traces.ts';
import type { SortKey, Store } from './store.ts';

/** Traces read at the same time; an isolate has six connections. */
const TRACES_AT_ONCE = 6;
const ALL = { attributes: [], order: 'newest', limit: 100, isOver: () => false } as const;

/** The traces that began in a range as OTLP messages of at most `maxBytes`, holding a few traces in memory. */
export async function* exportTraces(
  { get, search }: Pick<Store, 'get' | 'search'>,
  range: { readonly startUs: number; readonly endUs: number },
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let bytes = 0;
  for (let after: SortKey | undefined; ; ) {
    const page = await search({ ...ALL, ...range, ...(after && { after }) });
    for (let i = 0; i < page.traces.length; i += TRACES_AT_ONCE) {
      const traces = await Promise.all(page.traces.slice(i, i + TRACES_AT_ONCE).map(({ key }) => get(key.traceId)));
      // One that is gone expired, or was erased, after it was listed.
      for (const piece of traces.flatMap((trace) => (trace ? splitTraces(trace.otlp, maxBytes) : []))) {
        if (bytes > 0 && bytes + piece.length > maxBytes) {
          yield concatBytes(pending);
          pending = [];
          bytes = 0;
        }
        pending.push(piece);
        bytes += piece.length;
      }
    }
    if (page.reached === null) break;
    after = page.reached;
  }
  if (bytes > 0) yield concatBytes(pending);
}
