/** From scanned spans to their shards: slice by trace, route, commit. Everything that takes spans in ends here. */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import { AppendFrameWriter } from '../../model/append-frame.ts';
import { MAX_SLICED_BYTES, SHARD_TIMEOUT_MS } from '../../model/limits.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import { countRefused } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { shardOf, shardStub, slotOf } from '../routing.ts';

/** A refusal asks the sender to wait this long where the shard does not say how long. */
const RETRY_MS = 1_000;

/**
 * Commits the good rows of a table. Returns when every shard has them; throws IngestError 429 or 503 when one refused
 * or did not answer, and then the sender resends everything, which is safe. Rows whose span cannot be stored are
 * marked as rejected in the table.
 */
export async function appendTable(env: Env, config: Config, table: SpanTable, flags: number): Promise<void> {
  const shares = sliceByShard(table, config, flags);
  const results = await Promise.all(shares.map(({ shard, frame }) => appendFrame(env, shard, frame)));
  // What other shards have taken stays with them, and is merged when it comes again.
  const refusals = results.filter((result) => !result.accepted);
  const [refusal] = refusals;
  if (!refusal) return;
  for (const [i, { spans }] of shares.entries()) if (!results[i]!.accepted) countRefused(spans);
  if (refusals.some(({ retryAfterMs }) => retryAfterMs === null)) {
    throw new IngestError(503, 'unavailable', 'a shard did not answer: send the same again later', RETRY_MS / 1000);
  }
  const retrySeconds = Math.max(1, Math.ceil((refusal.retryAfterMs ?? RETRY_MS) / 1000));
  throw new IngestError(429, 'overloaded', 'a shard is full: send the same again later', retrySeconds);
}

/** What one shard gets of a request. */
interface Share {
  readonly shard: number;
  readonly frame: Uint8Array;
  readonly spans: number;
}

/** By shard. Nothing awaits while they are in use, so all requests use the same. */
const writers: AppendFrameWriter[] = [];

/** The table's good rows as one frame for each shard. Throws IngestError 413 when they grow beyond measure. */
function sliceByShard(table: SpanTable, config: Config, flags: number): Share[] {
  while (writers.length < config.shards) writers.push(new AppendFrameWriter());
  try {
    const { count, rows, starts } = groupByTrace(table);
    let bytes = 0;
    for (let trace = 0; trace < count; trace++) {
      const from = starts[trace]!;
      const writer = writers[shardOf(slotOf(table.bytes, table.traceIdAt[rows[from]!]), config)]!;
      const before = writer.length;
      addSlices(writer, table, rows, from, starts[trace + 1]!, flags);
      bytes += writer.length - before;
      // Each trace has its own copy of the resource, so that small spans of many traces can grow a lot.
      if (bytes > MAX_SLICED_BYTES) {
        countRefused(table.countGood());
        throw new IngestError(
          413,
          'body_too_large',
          `cut by trace the request has more than ${MAX_SLICED_BYTES} bytes`,
        );
      }
    }
    return writers.flatMap((writer, shard) =>
      writer.spans === 0 ? [] : { shard, frame: writer.finish(), spans: writer.spans },
    );
  } finally {
    for (const writer of writers) writer.reset();
  }
}

/** Adds rows of one trace, as several slices where they are too large for one; a row that is so by itself is rejected. */
function addSlices(
  writer: AppendFrameWriter,
  table: SpanTable,
  rows: Int32Array,
  from: number,
  to: number,
  flags: number,
): void {
  if (writer.addSlice(table, rows, from, to, flags)) return;
  if (to - from === 1) {
    table.reject(rows[from]!, 'span_too_large');
    return;
  }
  const half = (from + to) >> 1;
  addSlices(writer, table, rows, from, half, flags);
  addSlices(writer, table, rows, half, to, flags);
}

type ShareResult = { readonly accepted: true } | { readonly accepted: false; readonly retryAfterMs: number | null };

/** `retryAfterMs: null` stands for a shard that failed or did not answer. */
async function appendFrame(env: Env, shard: number, frame: Uint8Array): Promise<ShareResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SHARD_TIMEOUT_MS} ms`)), SHARD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([shardStub(env, shard).append(frame), timeout]);
  } catch (error) {
    console.error(`shard ${shard} failed an append: ${(error as Error).message}`);
    return { accepted: false, retryAfterMs: null };
  } finally {
    clearTimeout(timer);
  }
}
