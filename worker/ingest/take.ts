/**
 * Where every protocol ends: a request as OTLP bytes, whatever it came as, becomes durable slices, and what was wrong with
 * single spans is counted.
 */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { applyRules } from '../../model/otlp/apply-rules.ts';
import { checkTimes } from '../../model/otlp/check-times.ts';
import { JsonError } from '../../model/otlp/json-access.ts';
import { ProtoError, TooManyError } from '../../model/otlp/proto-reader.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { REQUEST_LIMITS, type SpanTable } from '../../model/otlp/span-table.ts';
import { countLatency, countOutcome, countReceived, countRefused, type Protocol } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { giveBack, spend } from '../keys/budget.ts';
import type { Caller } from '../keys/caller.ts';
import { markKeyClass } from '../keys/mark.ts';
import { noteSightings } from '../sightings.ts';
import { appendTable } from './append.ts';
import type { Rejections } from './rejections.ts';
import { rulesOf } from './rules.ts';

/** How spans have come. */
export interface Arrival {
  readonly protocol: Protocol;
  readonly sender: Caller;
  /** What the sender thinks it has sent, in words: `an OTLP trace request`. */
  readonly what: string;
  /** Of each slice (`model/slice-frame.ts`). */
  readonly flags: number;
}

/**
 * Returns how many spans were good when every one of them is durable; those that were not good are added to `rejections`, which has what a conversion to
 * OTLP has rejected already. Throws IngestError 400, 413, 429 or 503, and then the sender keeps all of them.
 */
export async function takeTraces(
  env: Env,
  config: CurrentConfig,
  otlp: Uint8Array,
  { protocol, sender, what, flags }: Arrival,
  rejections: Rejections,
): Promise<number> {
  const startMs = Date.now();
  const table = scan(otlp, what);
  // Only pages send batches, and everybody can have the key of one.
  markKeyClass(table, protocol === 'batch' ? 'page' : sender.class);
  countReceived(protocol, table.count + rejections.count);
  const { pastMs, futureMs } = config.ingest;
  checkTimes(table, (startMs - pastMs) * 1000, (startMs + futureMs) * 1000);
  let isTaken = false;
  try {
    applyRulesOf(config, env, table, what);
    const spans = table.countGood();
    try {
      await spend(env, sender.key, spans);
    } catch (error) {
      countRefused(spans);
      throw error;
    }
    try {
      await appendTable(env, config, sender.who, table, flags);
    } catch (error) {
      giveBack(sender.key, spans);
      throw error;
    }
    isTaken = true;
  } finally {
    rejections.addTable(table);
    const nowMs = Date.now();
    rejections.report(protocol, sender, nowMs * 1000);
    if (isTaken) noteSightings(table, nowMs);
    const good = goodOf(table, otlp.length);
    countOutcome(protocol, isTaken ? 'accepted' : 'refused', good.spans, good.bytes);
    countOutcome(protocol, 'rejected', rejections.count, otlp.length - good.bytes);
    countLatency(protocol, nowMs - startMs);
  }
  return table.countGood();
}

function applyRulesOf(config: CurrentConfig, env: Env, table: SpanTable, what: string): void {
  try {
    applyRules(table, rulesOf(config, env));
  } catch (error) {
    throw toIngestError(error, false, what);
  }
}

/** The good spans, and their bytes with what is around all spans. */
function goodOf(table: SpanTable, length: number): { readonly spans: number; readonly bytes: number } {
  let spans = 0;
  let bytes = length;
  for (let i = 0; i < table.count; i++) {
    if (table.rejection(i) === null) spans++;
    else bytes -= table.end[i]! - table.start[i]!;
  }
  return { spans, bytes };
}

/** An error about the request as a whole, where `isFault` says that the request is to blame for it; else the error itself. */
export function toIngestError(error: unknown, isFault: boolean, what: string): unknown {
  if (error instanceof TooManyError) {
    return new IngestError(413, 'body_too_large', `${what} has ${error.message}: send smaller batches`);
  }
  if (!isFault) return error;
  const message = `the body is not ${what}: ${(error as Error).message}`;
  return new IngestError(
    400,
    'malformed_body',
    message,
    undefined,
    error instanceof JsonError ? error.path : undefined,
  );
}

function scan(otlp: Uint8Array, what: string): SpanTable {
  try {
    return scanTraces(otlp, REQUEST_LIMITS);
  } catch (error) {
    throw toIngestError(error, error instanceof ProtoError, what);
  }
}
