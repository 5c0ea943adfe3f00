/** What one browser batch says, decoded. Its bytes are described in `docs/wire-format.md`. */

import type { ClientCount, ClientDropReason } from '../reasons.ts';
import type { SpanData, SpanDataAttributes } from '../span-data.ts';

export interface Batch {
  /** Format version of the bytes it came from. */
  readonly version: number;
  /** The page's wall clock when the batch was encoded, in microseconds since the Unix epoch. */
  readonly sentUs: number;
  readonly resource: SpanDataAttributes;
  /** The page is going away: nothing more will come from it unless it is restored. */
  readonly goodbye: boolean;
  /** Unsampled spans are in the batch too (flagged), so statistics need not weigh the sampled ones. */
  readonly hasUnsampled: boolean;
  /** Spans lost in the page, by reason, since the last batch that was acknowledged. */
  readonly dropped: Readonly<Partial<Record<ClientDropReason, number>>>;
  /** What else was counted in the page since then. */
  readonly counts: Readonly<Partial<Record<ClientCount, number>>>;
  readonly spans: readonly SpanData[];
}
