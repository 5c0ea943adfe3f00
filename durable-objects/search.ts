/**
 * Search over the traces a shard has in memory, in steps. What the columns know is asked first; the traces that still may match are
 * walked in the order in which the log has them, the newest first.
 */

import type { TraceSearch } from '../model/query/conditions.ts';
import { matchesFacts } from '../model/query/matches-search.ts';
import { compareFound } from '../model/query/search-order.ts';
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
const TRACE_COST = 800;
const SPAN_COST = 200;
const COMPARE_COST = 150;

/** Before everything in either order. */
export const BEFORE_ALL: SortKey = {
  startUs: Number.MAX_SAFE_INTEGER,
  durationUs: Number.MAX_SAFE_INTEGER,
  traceId: 'f'.repeat(32),
};

export type LiveConditions = Omit<TraceSearch, 'limit'>;

export interface FoundTrace extends SortKey {
  /** The store may have earlier parts of it. */
  readonly isPart: boolean;
}

export interface FoundTraces {
  /** In the order of the search. */
  readonly found: readonly FoundTrace[];
  /** From here on there may be more that was not looked at; null where everything was. */
  readonly cutAt: SortKey | null;
}

/** A trace that only its OTLP tells of. */
interface Candidate {
  readonly words: TraceWords;
  readonly key: SortKey;
  readonly place: Place;
}

/** The live and the kept-but-not-stored traces that match. What leaves memory meanwhile is left out: it is in the store, or dropped. */
export async function searchLive(journal: Journal, search: LiveConditions, steps: Steps): Promise<FoundTraces> {
  const { live } = journal;
  const columns = new ColumnTests(live, search);
  /** By trace id: one that has left and come back may be met twice. */
  const found = new Map<string, FoundTrace>();
  const take = (trace: number) => {
    const { startUs, durationUs, traceId } = keyOf(live, trace);
    found.set(traceId, { startUs, durationUs, traceId, isPart: isPart(live, trace) });
  };
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
    if (verdict === 'yes') take(trace);
    const [place] = verdict === 'unsure' ? live.places(trace) : [];
    if (place) candidates.push({ words: live.words(trace), key: keyOf(live, trace), place });
  }
  await sortInSteps(candidates, (a, b) => newestPlaceFirst(a.place, b.place), steps, COMPARE_COST);
  const walk = new OtlpWalk(journal, search, steps);
  for (const { words, key } of candidates) {
    if (steps.isDue) await steps.next();
    if (steps.isOver) {
      if (cutAt === null || compareFound(search.order, key, cutAt) < 0) cutAt = key;
    } else if (await walk.matches(words)) {
      const trace = live.traces.find(...words);
      // It may have changed since, or have left.
      if (trace === -1 || !isHere(live, trace)) continue;
      if (matchesFacts(live.factsOf(trace), search)) take(trace);
    }
  }
  const inOrder = [...found.values()];
  await sortInSteps(inOrder, (a, b) => compareFound(search.order, a, b), steps, COMPARE_COST);
  return { found: inOrder, cutAt };
}

/** The trace is live, or kept and not all of it stored. */
export function isHere(live: LiveTraces, trace: number): boolean {
  return live.state(trace) !== 'dropped' && (!live.isDecided(trace) || live.outbox.has(trace));
}

/** The store may have earlier parts of it. */
export function isPart({ traces }: LiveTraces, trace: number): boolean {
  return traces.storedEnd[trace]! > 0 || (traces.bits[trace]! & (FORGOTTEN | LATE)) !== 0;
}

function keyOf(live: LiveTraces, trace: number): SortKey {
  const { startUs, durationUs } = live.factsOf(trace);
  return { startUs, durationUs, traceId: formatWords(live.words(trace)) };
}

function newestPlaceFirst(a: Place, b: Place): number {
  return b.bucket - a.bucket || b.row - a.row || b.start - a.start;
}
