/** The head of a batch (`docs/wire-format.md`): everything before its spans. */

import { GOODBYE, HAS_UNSAMPLED, LOSS_COUNT, LOSS_END, LOSS_REASON, MAGIC, VERSION } from '../../model/batch/format.ts';
import type { ByteWriter } from '../../model/bytes.ts';
import { CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import { wallMs } from '../api/clock.ts';
import type { Losses } from './counters.ts';

/** What is the same in all batches of a page. Travels to the worker once. */
export interface BatchConfig {
  /** Where batches are sent to, key included. */
  readonly url: string;
  /** Headers of each request, where they are not sent as batches. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The resource's attributes, encoded. */
  readonly resource: Uint8Array;
}

export function batchTimeUs(): number {
  return wallMs() * 1000;
}

/** Writes a batch's head. `leavesOut`: unsampled spans may be missing; otherwise they travel with their flag. `goodbye`: the page is going away. */
export function writeHead(
  out: ByteWriter,
  sentUs: number,
  strings: Uint8Array,
  config: BatchConfig,
  losses: Losses,
  leavesOut: boolean,
  goodbye: boolean | undefined,
): void {
  for (const byte of MAGIC) out.u8(byte);
  out.u8(VERSION);
  out.u8((leavesOut ? 0 : HAS_UNSAMPLED) | (goodbye ? GOODBYE : 0));
  out.varint(sentUs);
  out.varint(strings.length);
  out.raw(strings);
  out.raw(config.resource);
  losses.forEach((count, i) => {
    if (count === 0) return;
    out.varint(i < CLIENT_DROP_REASONS.length ? LOSS_REASON + i : LOSS_COUNT + i - CLIENT_DROP_REASONS.length);
    out.varint(count);
  });
  out.varint(LOSS_END);
}
