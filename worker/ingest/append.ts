/** From scanned spans to their shards: slice by trace, route, commit. Everything that takes spans in ends here. */

import { type AppendResult, isTaken, levelOf } from '../../durable-objects/append-result.ts';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { AppendFrameWriter } from '../../model/append-frame.ts';
import { MAX_SLICED_BYTES, SHARD_TIMEOUT_MS } from '../../model/limits.ts';
import { TooManyError } from '../../model/otlp/proto-reader.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import { ownerOf, type RoutingTable, slotOf } from '../../model/routing.ts';
import { countRefused } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { shardStub } from '../routing.ts';
import { admit } from './admission.ts';
import { isShardHigh, noteShard, overloaded, unavailable } from './pressure.ts';
import { isUrgent } from './urgent.ts';

/** How long a sender waits where no shard says how long. */
const RETRY_MS = 1_000;

/**
 * Commits the good rows of a table that `who` has sent. Returns when every shard has them; throws IngestError 429 or 503 when one refused
 * or did not answer, and then the sender resends everything, which is safe. Rows whose span cannot be stored are
 * marked as rejected in the table.
 */
export async function appendTable(
  env: Env,
  config: CurrentConfig,
  who: string,
  table: SpanTable,
  flags: number,
): Promise<void> {
  let urgent: boolean | undefined;
  const isTableUrgent = () => {
    urgent ??= isUrgent(table, config);
    return urgent;
  };
  checkShards(table, config, isTableUrgent);
  await admit(env, config, who, table.countGood(), isTableUrgent);
  const shares = sliceByShard(table, config, flags);
  const results = await appendShares(env, config.table, shares);
  // What other shards have taken stays with them, and is merged when it comes again.
  let waitMs = 0;
  let isUnanswered = false;
  for (const [i, { shard, spans }] of shares.entries()) {
    const result = results[i] ?? null;
    // A call that fails says nothing of pressure.
    if (result !== null) noteShard(shard, levelOf(result));
    if (result !== null && isTaken(result)) continue;
    countRefused(spans);
    isUnanswered ||= result === null;
    waitMs = Math.max(waitMs, Number(result ?? RETRY_MS));
  }
  if (isUnanswered) throw unavailable('a shard did not answer: send the same again later', waitMs);
  if (waitMs > 0) throw overloaded('a shard is full or not ready: send the same again later', waitMs);
}

/** Throws IngestError 429 where a shard of the table asks for what matters most, and the table has nothing of it. */
function checkShards(table: SpanTable, { shards }: CurrentConfig, isTableUrgent: () => boolean): void {
  const high = Array.from({ length: shards }, (_, shard) => isShardHigh(shard));
  if (!high.includes(true)) return;
  const isConcerned = table.goodRows().some((row) => high[ownerOf(slotOf(table.bytes, table.traceIdAt[row]), shards)]);
  if (!isConcerned || isTableUrgent()) return;
  countRefused(table.countGood());
  throw overloaded(
    'only requests with an error, a slow or a critical span are taken: send the same again later',
    RETRY_MS,
  );
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
function sliceByShard(table: SpanTable, config: CurrentConfig, flags: number): Share[] {
  const { shards } = config;
  while (writers.length < shards) writers.push(new AppendFrameWriter());
  try {
    const { count, rows, starts } = groupByTrace(table);
    let bytes = 0;
    for (let trace = 0; trace < count; trace++) {
      const from = starts[trace]!;
      const writer = writers[ownerOf(slotOf(table.bytes, table.traceIdAt[rows[from]!]), shards)]!;
      const before = writer.length;
      addSlices(writer, table, rows, from, starts[trace + 1]!, flags);
      bytes += writer.length - before;
      // Each trace has its own copy of the resource, so that small spans of many traces can grow a lot.
      if (bytes > MAX_SLICED_BYTES) {
        countRefused(table.countGood());
        throw new IngestError(
          413,
          'body_too_large',
          `cut by trace the request has more than ${MAX_SLICED_BYTES} bytes, whatever its body may have: send smaller batches`,
        );
      }
    }
    return writers.flatMap((writer, shard) =>
      writer.spans === 0 ? [] : { shard, frame: writer.finish(), spans: writer.spans },
    );
  } catch (error) {
    if (!(error instanceof TooManyError)) throw error;
    countRefused(table.countGood());
    throw new IngestError(413, 'body_too_large', `cut by trace the request has ${error.message}`);
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

/** What each shard answered; null stands for one that failed or did not answer in time. */
async function appendShares(env: Env, table: RoutingTable, shares: readonly Share[]): Promise<(AppendResult | null)[]> {
  const results: (AppendResult | null)[] = shares.map(() => null);
  const pending = new Set(shares);
  const calls = shares.map(async (share, i) => {
    try {
      results[i] = await shardStub(env, share.shard).append(share.frame, table);
    } catch (error) {
      console.error(`shard ${share.shard} failed an append: ${(error as Error).message}`);
    }
    pending.delete(share);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SHARD_TIMEOUT_MS);
  });
  await Promise.race([Promise.all(calls), timeout]);
  clearTimeout(timer);
  for (const { shard } of pending) console.error(`shard ${shard} did not answer within ${SHARD_TIMEOUT_MS} ms`);
  // A copy: what is answered later is too late.
  return [...results];
}
