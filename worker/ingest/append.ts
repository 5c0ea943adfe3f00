/** From scanned spans to their shards: slice by trace, route, commit. Everything that takes spans in ends here. */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import { MAX_SLICE_BYTES, MAX_SLICED_BYTES, SHARD_TIMEOUT_MS } from '../../model/limits.ts';
import { ProtoWriter } from '../../model/otlp/proto-writer.ts';
import { groupByTrace, writeRows } from '../../model/otlp/slice.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import { FrameWriter } from '../../model/slice-frame.ts';
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
  const shares = [...sliceByShard(table, config, flags)];
  const results = await Promise.all(shares.map(([shard, share]) => appendFrame(env, shard, share.frame.finish())));
  // What other shards have taken stays with them, and is merged when it comes again.
  const refusals = results.filter((result) => !result.accepted);
  const [refusal] = refusals;
  if (!refusal) return;
  for (const [i, [, { spans }]] of shares.entries()) if (!results[i]!.accepted) countRefused(spans);
  if (refusals.some(({ retryAfterMs }) => retryAfterMs === null)) {
    throw new IngestError(503, 'unavailable', 'a shard did not answer: send the same again later', RETRY_MS / 1000);
  }
  const retrySeconds = Math.max(1, Math.ceil((refusal.retryAfterMs ?? RETRY_MS) / 1000));
  throw new IngestError(429, 'overloaded', 'a shard is full: send the same again later', retrySeconds);
}

/** What one shard gets of a request. */
interface Share {
  readonly frame: FrameWriter;
  spans: number;
}

/** The table's good rows as one frame for each shard. Throws IngestError 413 when they grow beyond measure. */
function sliceByShard(table: SpanTable, config: Config, flags: number): Map<number, Share> {
  const shares = new Map<number, Share>();
  const writer = new ProtoWriter(16_384);
  let bytes = 0;
  for (const { first, rows } of groupByTrace(table)) {
    const at = table.traceIdAt[first]!;
    const traceId = table.bytes.subarray(at, at + 16);
    const shard = shardOf(slotOf(table.bytes, at), config);
    const share = shares.get(shard) ?? { frame: new FrameWriter(), spans: 0 };
    shares.set(shard, share);
    for (const otlp of slices(writer, table, rows)) {
      share.frame.add(traceId, flags, otlp);
      bytes += otlp.length;
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
    share.spans += rows.filter((row) => table.rejection(row) === null).length;
  }
  return shares;
}

/** One trace's rows as slices of at most `MAX_SLICE_BYTES`; a row that is larger by itself is rejected. */
function* slices(writer: ProtoWriter, table: SpanTable, rows: readonly number[]): Iterable<Uint8Array> {
  writer.reset();
  writeRows(writer, table, rows);
  if (writer.length <= MAX_SLICE_BYTES) {
    yield writer.finish();
  } else if (rows.length === 1) {
    table.reject(rows[0]!, 'span_too_large');
  } else {
    const half = rows.length >> 1;
    yield* slices(writer, table, rows.slice(0, half));
    yield* slices(writer, table, rows.slice(half));
  }
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
