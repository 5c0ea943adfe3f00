/** From scanned spans to their shards: slice by trace, route, commit. Everything that takes spans in ends here. */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { AppendResult } from '../../durable-objects/protocol.ts';
import { MAX_SLICE_BYTES, SHARD_TIMEOUT_MS } from '../../model/limits.ts';
import { ProtoWriter } from '../../model/otlp/proto-writer.ts';
import { groupByTrace, writeRows } from '../../model/otlp/slice.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import { FrameWriter } from '../../model/slice-frame.ts';
import { countRefused } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { shardOf, shardStub, slotOf } from '../routing.ts';

/**
 * Commits the good rows of a table. Returns when every shard has them; throws IngestError 429 or 503 when one refused
 * or did not answer, and then the sender resends everything, which is safe. Rows whose span cannot be stored are
 * marked as rejected in the table.
 */
export async function appendTable(env: Env, config: Config, table: SpanTable, flags: number): Promise<void> {
  const frames = sliceByShard(table, config, flags);
  const results = await Promise.all([...frames].map(([shard, frame]) => appendFrame(env, shard, frame.finish())));
  const refused = results.find((result) => !result.accepted);
  if (!refused || refused.accepted) return;
  countRefused(table.count);
  const retrySeconds = Math.max(1, Math.ceil(refused.retryAfterMs / 1000));
  throw new IngestError(429, 'overloaded', 'a shard is full: send the same again later', retrySeconds);
}

/** The table's good rows as one frame for each shard. */
function sliceByShard(table: SpanTable, config: Config, flags: number): Map<number, FrameWriter> {
  const frames = new Map<number, FrameWriter>();
  const writer = new ProtoWriter(16_384);
  for (const { first, rows } of groupByTrace(table)) {
    const at = table.traceIdAt[first]!;
    const traceId = table.bytes.subarray(at, at + 16);
    const shard = shardOf(slotOf(table.bytes, at), config);
    let frame = frames.get(shard);
    if (!frame) {
      frame = new FrameWriter();
      frames.set(shard, frame);
    }
    for (const otlp of slices(writer, table, rows)) frame.add(traceId, flags, otlp);
  }
  return frames;
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

async function appendFrame(env: Env, shard: number, frame: Uint8Array): Promise<AppendResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SHARD_TIMEOUT_MS} ms`)), SHARD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([shardStub(env, shard).append(frame), timeout]);
  } catch (error) {
    console.error(`shard ${shard} failed an append: ${(error as Error).message}`);
    throw new IngestError(503, 'unavailable', 'a shard did not answer: send the same again later', 1);
  } finally {
    clearTimeout(timer);
  }
}
