/** One trace as its shard holds it in memory: places of its slices in the log, and while it is live its span headers. */

import type { Decision, TraceState, TraceSummary } from '../model/span.ts';
import type { Place } from './log.ts';
import { SpanHeaders } from './span-headers.ts';

export interface LiveSlice {
  readonly place: Place;
  /** Spans that no earlier slice of the trace had. */
  readonly newSpans: number;
}

export class LiveTrace {
  readonly traceId: string;
  /** When the first and the latest undecided slice came, milliseconds since the epoch. */
  firstMs: number;
  lastMs: number;
  /** In the log's order. Settled ones leave from the front when their bucket is dropped. */
  slices: LiveSlice[] = [];
  /** How many leading slices a decision covers, the current block holds, and the store has. */
  decided = 0;
  sealed = 0;
  stored = 0;
  /** Some earlier slices have left the log. */
  forgotten = false;
  /** The page said that nothing more will come. */
  goodbye = false;
  decision: Decision | null = null;
  /** Of the last decision, and of the last part that was sealed. Each part has a higher one than those before it. */
  revision = 0;
  sealedRevision = 0;
  /** null once the trace is settled; read again from the log when a late span comes. */
  headers: SpanHeaders | null = new SpanHeaders();

  constructor(traceId: string, nowMs: number) {
    this.traceId = traceId;
    this.firstMs = nowMs;
    this.lastMs = nowMs;
  }

  get state(): TraceState {
    if (!this.decision) return 'live';
    return this.decision.keep ? 'kept' : 'dropped';
  }

  get isDecided(): boolean {
    return this.decided === this.slices.length;
  }

  /** How many leading slices need nothing more: they may leave the log. */
  get settled(): number {
    if (!this.decision) return 0;
    return this.decision.keep ? this.stored : this.decided;
  }

  /** Bytes of the slices from `from` up to but not including `to`. */
  countBytes(from: number, to: number): number {
    let bytes = 0;
    for (let i = from; i < to; i++) bytes += this.slices[i]!.place.end - this.slices[i]!.place.start;
    return bytes;
  }

  /** Spans in the slices from `from` up to but not including `to`, each counted once. */
  countSpans(from: number, to: number): number {
    let count = 0;
    for (let i = from; i < to; i++) count += this.slices[i]!.newSpans;
    return count;
  }

  /** The summary as its headers tell it; null when they are released. */
  summary(): TraceSummary | null {
    if (!this.headers) return null;
    return { traceId: this.traceId, ...this.headers.facts(), state: this.state, decision: this.decision };
  }
}
