/** When a trace is decided: evidence of completeness brings it nearer, age and size bound it. Pure. */

export interface CompletionInput {
  /** When the first and the latest undecided slice came, milliseconds since the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly undecidedBytes: number;
  readonly spanCount: number;
  readonly rootEnded: boolean;
  readonly missingParents: number;
  readonly openCount: number;
  /** The page said that nothing more will come. */
  readonly goodbye: boolean;
  /** Quiet time learned for the trace's root operation, null where nothing was. */
  readonly learnedMs: number | null;
  /** Share of the quiet time that is needed under pressure, 0 to 1. */
  readonly quietShare: number;
}

export interface CompletionConfig {
  /** Where nothing was learned. */
  readonly quietMs: number;
  readonly headlessQuietMs: number;
  readonly maxAgeMs: number;
  readonly completion: {
    readonly minQuietMs: number;
    readonly maxQuietMs: number;
    readonly maxSpans: number;
    readonly maxBytes: number;
  };
}

/** Root ended, every named parent present, nothing open; spans whose page said goodbye will not end any more. */
export function isComplete({ rootEnded, missingParents, openCount, goodbye }: CompletionInput): boolean {
  return rootEnded && missingParents === 0 && (openCount === 0 || goodbye);
}

/**
 * The time at which a trace is to be decided, milliseconds since the epoch, as far as is known now; the next span may
 * move it. A trace that looks complete only has to be quiet for as long as others like it pause; one that is at a limit is
 * decided as it is, and what comes later is a further slice of it.
 */
export function decideByMs(trace: CompletionInput, config: CompletionConfig): number {
  const { minQuietMs, maxQuietMs, maxSpans, maxBytes } = config.completion;
  if (trace.undecidedBytes >= maxBytes || trace.spanCount >= maxSpans) return trace.lastMs;
  let quietMs = config.headlessQuietMs;
  if (isComplete(trace)) {
    // Twice what 95 of 100 needed: traces that were decided too soon never show how long they would have paused.
    const { learnedMs } = trace;
    quietMs =
      learnedMs === null
        ? config.quietMs
        : Math.min(Math.max(2 * learnedMs, Math.min(minQuietMs, config.quietMs)), maxQuietMs);
  }
  return Math.min(trace.firstMs + config.maxAgeMs, trace.lastMs + quietMs * trace.quietShare);
}
