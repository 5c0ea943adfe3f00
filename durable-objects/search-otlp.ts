/** Asks the OTLP of live traces whether they match: what the log has of them, slice by slice. */

import { ProtoError } from '../model/otlp/proto-reader.ts';
import { OtlpMatcher } from '../model/query/otlp-matcher.ts';
import type { Journal } from './journal.ts';
import type { LiveConditions } from './search.ts';
import type { Steps } from './steps.ts';
import type { TraceWords } from './trace-words.ts';

/** About how many nanoseconds it takes to walk a byte of OTLP, and to read a byte of a log row. */
const OTLP_BYTE_COST = 15;
const ROW_BYTE_COST = 0.5;

export class OtlpWalk {
  private readonly journal: Journal;
  private readonly matcher: OtlpMatcher;
  private readonly steps: Steps;
  /** The log's row that was read last. */
  private row: ArrayBufferLike | null = null;

  constructor(journal: Journal, search: LiveConditions, steps: Steps) {
    this.journal = journal;
    this.matcher = new OtlpMatcher(search);
    this.steps = steps;
  }

  /** False too where the trace has left meanwhile. */
  async matches(words: TraceWords): Promise<boolean> {
    const { journal, matcher, steps } = this;
    const { live } = journal;
    matcher.begin();
    for (let number = 0; ; ) {
      // The log may have moved what is not settled while others had their turn.
      const trace = live.traces.find(...words);
      if (trace === -1) return false;
      number = Math.max(number, live.traces.sliceStart[trace]!);
      const places = live.places(trace, number);
      if (places.length === 0) return matcher.matches();
      for (const place of places) {
        const slice = journal.readSlice(place);
        if (slice.buffer !== this.row) steps.spend(slice.buffer.byteLength * ROW_BYTE_COST);
        this.row = slice.buffer;
        if (!tryAdd(matcher, slice)) return false;
        number++;
        steps.spend(slice.length * OTLP_BYTE_COST);
        if (steps.isDue) break;
      }
      if (steps.isDue) await steps.next();
    }
  }
}

function tryAdd(matcher: OtlpMatcher, slice: Uint8Array): boolean {
  try {
    matcher.add(slice);
    return true;
  } catch (error) {
    if (error instanceof ProtoError) return false;
    throw error;
  }
}
