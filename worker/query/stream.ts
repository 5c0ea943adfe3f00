/** A search's traces as they are found, line by line, for as long as somebody reads. */

import type { TraceSearch } from '../../model/query/conditions.ts';
import type { TraceList } from '../../model/span.ts';
import { parseCursor } from './cursor.ts';
import type { TraceQuery } from './params.ts';

/** Traces in one stream, and in each of the pages that it is made of. */
export const MAX_STREAM_TRACES = 10_000;
const PAGE_TRACES = 200;

export interface StreamDeps {
  readonly find: (query: TraceQuery, isLeft: () => boolean) => Promise<TraceList>;
  /** The stream has gone on for as long as it may. */
  readonly isLate: () => boolean;
  /** To be called once it is over, however. */
  readonly ended: () => void;
}

/** NDJSON: a summary a line, and behind them one line that says whether that was all, with a cursor for what is left. */
export function streamTraces(search: TraceSearch, { find, isLate, ended }: StreamDeps): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let left = false;
  let missing = search.limit;
  let query: TraceQuery = search;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        // Nobody asks again before something has come.
        for (let lines: unknown[] = []; lines.length === 0; ) {
          const { traces, cursor, ...rest } = await find(
            { ...query, limit: Math.min(PAGE_TRACES, missing) },
            () => left,
          );
          if (left) return;
          missing -= traces.length;
          const isOver = cursor === null || missing === 0 || isLate();
          lines = isOver ? [...traces, { cursor, ...rest }] : [...traces];
          if (lines.length > 0)
            controller.enqueue(encoder.encode(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
          if (cursor !== null) query = { ...search, cursor: parseCursor(cursor) };
          if (!isOver) continue;
          controller.close();
          ended();
        }
      } catch (error) {
        ended();
        throw error;
      }
    },
    cancel() {
      left = true;
      ended();
    },
  });
}
