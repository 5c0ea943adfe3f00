/**
 * Search over the traces a shard has in memory, in steps. What the columns know is asked first; the traces that still may match are
 * walked in the order in which the log has them, the newest first.
 */

import type { TraceSearch } from '../model/query/conditions.ts';
import { matchesFacts } from '../model/query/matches-search.ts';
import { compareFound } from '../model/query/search-order.ts';
import { keyOf } from '../store/page.ts';
import type { SortKey } from '../store/store.ts';
import { FORGOTTEN, LATE, NO_FACTS } from './columns/trace-columns.ts';
import type { Journal } from './journal.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import { ColumnTests } from './search-columns.ts';
import { OtlpWalk } from './search-otlp.ts';
import { type Steps, sortInSteps } from './steps.ts';
import { formatWords, type TraceWords } from './trace-words.ts';

/** About how many nanoseconds it takes to look at a trace and at one of its spans, and to compare two keys. */
const TRACE_COST = 600;
const SPAN_COST = 200;
const COMPARE_COST = 150;

/** Before everything in either order. */
export const BEFORE_ALL: SortKey = {
  startUs: Number.MAX_SAFE_INTEGER,
  durationUs: Number.MAX_SAFE_INTEGER,
  traceId: 'f'.repeat(32),
};

export type LiveConditions = Omit<TraceSearch, 'limit'>;

/** A trace and where it stood when it was found. Its id becomes text only where that is needed: there may be many. */
export class FoundTrace implements SortKey {
  readonly startUs: number;
  readonly durationUs: number;
  readonly words: TraceWords;
  /** The store may have earlier parts of it. */
  readonly isPart: boolean;
  /** Its row in the columns. */
  readonly row: number;

  constructor(live: LiveTraces, row: number) {
    const { startUs, durationUs } = live.factsOf(row);
    this.startUs = startUs;
    this.durationUs = durationUs;
    this.words = live.words(row);
    this.isPart = isPart(live, row);
    this.row = row;
  }

  get traceId(): string {
    return formatWords(this.words);
  }
}

export interface FoundTraces {
  /** In the order of the search. */
  readonly found: readonly FoundTrace[];
  /** From here on there may be more that was not looked at; null where everything was. */
  readonly cutAt: SortKey | null;
}

/** A trace that only its OTLP tells of. */
interface Candidate {
  readonly trace: FoundTrace;
  readonly place: Place;
}

/** The live and the kept-but-not-stored traces that match. What leaves memory meanwhile is left out: it is in the store, or dropped. */
export async function searchLive(journal: Journal, search: LiveConditions, steps: Steps): Promise<FoundTraces> {
  const { live } = journal;
  const columns = new ColumnTests(live, search);
  const found: FoundTrace[] = [];
  const candidates: Candidate[] = [];
  let cutAt: SortKey | null = null;
  for (let trace = 0; trace < live.traces.end; trace++) {
    if (steps.isDue) await steps.next();
    if (steps.isOver) {
      cutAt = BEFORE_ALL;
      break;
    }
    if (!live.traces.has(trace) || !isHere(live, trace)) continue;
    const isLook = columns.asksNames || live.traces.facts[trace] === NO_FACTS;
    steps.spend(TRACE_COST + (isLook ? live.traces.spanCount[trace]! * SPAN_COST : 0));
    const verdict = matchesFacts(live.factsOf(trace), search) ? columns.ask(trace) : 'no';
    if (verdict === 'yes') found.push(new FoundTrace(live, trace));
    const [place] = verdict === 'unsure' ? live.places(trace) : [];
    if (place) candidates.push({ trace: new FoundTrace(live, trace), place });
  }
  await sortInSteps(candidates, (a, b) => newestPlaceFirst(a.place, b.place), steps, COMPARE_COST);
  const walk = new OtlpWalk(journal, search, steps);
  for (const { trace } of candidates) {
    if (steps.isDue) await steps.next();
    if (steps.isOver) {
      if (cutAt === null || compareFound(search.order, trace, cutAt) < 0) cutAt = keyOf(trace);
    } else if (await walk.matches(trace.words)) {
      const row = live.traces.find(...trace.words);
      // It may have changed since, or have left.
      if (row !== -1 && isHere(live, row) && matchesFacts(live.factsOf(row), search)) {
        found.push(new FoundTrace(live, row));
      }
    }
  }
  await sortInSteps(found, (a, b) => compareFound(search.order, a, b), steps, COMPARE_COST);
  // One that has left and come back was met twice; where it has left for good, the store has it, or it was dropped.
  return { found: found.filter(({ words, row }) => live.traces.find(...words) === row), cutAt };
}

/** The trace is live, or kept and not all of it stored. */
export function isHere(live: LiveTraces, trace: number): boolean {
  return live.state(trace) !== 'dropped' && (!live.isDecided(trace) || live.outbox.has(trace));
}

/** The store may have earlier parts of it. */
export function isPart({ traces }: LiveTraces, trace: number): boolean {
  return traces.storedEnd[trace]! > 0 || (traces.bits[trace]! & (FORGOTTEN | LATE)) !== 0;
}

function newestPlaceFirst(a: Place, b: Place): number {
  return b.bucket - a.bucket || b.row - a.row || b.start - a.start;
}
