/**
 * Where every protocol ends: a request as OTLP bytes, whatever it came as, becomes durable slices, and what was wrong with
 * single spans is counted.
 */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { applyRules } from '../../model/otlp/apply-rules.ts';
import { checkTimes } from '../../model/otlp/check-times.ts';
import { ProtoError, TooManyError } from '../../model/otlp/proto-reader.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { REQUEST_LIMITS, type SpanTable } from '../../model/otlp/span-table.ts';
import { countReceived, type Protocol } from '../counters.ts';
import { IngestError } from '../errors.ts';
import { appendTable } from './append.ts';
import type { Rejections } from './rejections.ts';
import { rulesOf } from './rules.ts';

/** How spans have come. */
export interface Arrival {
  readonly protocol: Protocol;
  /** What the sender thinks it has sent, in words: `an OTLP trace request`. */
  readonly what: string;
  /** Of each slice (`model/slice-frame.ts`). */
  readonly flags: number;
}

/**
 * Returns when every good span is durable; those that were not good are added to `rejections`, which has what a conversion to
 * OTLP has rejected already. Throws IngestError 400, 413, 429 or 503, and then the sender keeps all of them.
 */
export async function takeTraces(
  env: Env,
  config: CurrentConfig,
  otlp: Uint8Array,
  { protocol, what, flags }: Arrival,
  rejections: Rejections,
): Promise<void> {
  const table = scan(otlp, what);
  countReceived(protocol, table.count + rejections.count);
  const nowMs = Date.now();
  const { pastMs, futureMs } = config.ingest;
  checkTimes(table, (nowMs - pastMs) * 1000, (nowMs + futureMs) * 1000);
  applyRules(table, rulesOf(config, env));
  try {
    await appendTable(env, config, table, flags);
  } finally {
    rejections.addTable(table);
    rejections.report(protocol, nowMs * 1000);
  }
}

/** An error about the request as a whole, where `isFault` says that the request is to blame for it; else the error itself. */
export function toIngestError(error: unknown, isFault: boolean, what: string): unknown {
  if (error instanceof TooManyError) {
    return new IngestError(413, 'body_too_large', `${what} has ${error.message}: send smaller batches`);
  }
  if (!isFault) return error;
  return new IngestError(400, 'malformed_body', `the body is not ${what}: ${(error as Error).message}`);
}

function scan(otlp: Uint8Array, what: string): SpanTable {
  try {
    return scanTraces(otlp, REQUEST_LIMITS);
  } catch (error) {
    throw toIngestError(error, error instanceof ProtoError, what);
  }
}
