/**
 * Search over the traces a shard has in memory, in steps. What the columns know is asked first; the traces that still may match are
 * walked in the order in which the log has them, the newest first.
 */

import { cutName } from '../model/names.ts';
import { ProtoError } from '../model/otlp/proto-reader.ts';
import type { TraceSearch } from '../model/query/conditions.ts';
import { matchesFacts } from '../model/query/matches-search.ts';
import { OtlpMatcher } from '../model/query/otlp-matcher.ts';
import { compareFound } from '../model/query/search-order.ts';
import type { SortKey } from '../store/store.ts';
import { OTHER } from './columns/operations.ts';
import { FORGOTTEN } from './columns/trace-columns.ts';
import type { Journal } from './journal.ts';
import type { LiveTraces } from './live-traces.ts';
import type { LiveView } from './live-view.ts';
import type { Place } from './log.ts';
import { type Steps, sortInSteps } from './steps.ts';
import { formatWords, type TraceWords } from './trace-words.ts';

/** About how many nanoseconds it takes to look at a trace, one of its spans, a byte of its OTLP, a byte of a log row; to compare two keys. */
const TRACE_COST = 1_000;
const SPAN_COST = 200;
const OTLP_BYTE_COST = 15;
const ROW_BYTE_COST = 0.5;
const COMPARE_COST = 150;

/** Before everything in either order. */
export const BEFORE_ALL: SortKey = {
  startUs: Number.MAX_SAFE_INTEGER,
  durationUs: Number.MAX_SAFE_INTEGER,
  traceId: 'f'.repeat(32),
};

export type LiveConditions = Omit<TraceSearch, 'limit'>;

export interface FoundTrace extends SortKey {
  /** Earlier parts of it are in the store. */
  readonly isPart: boolean;
}

export interface FoundTraces {
  /** In the order of the search. */
  readonly found: readonly FoundTrace[];
  /** From here on there may be more that was not looked at; null where everything was. */
  readonly cutAt: SortKey | null;
}

/** What the columns say of a trace; `unsure` where its OTLP has to be asked. */
type Verdict = 'no' | 'yes' | 'unsure';

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
  const take = (trace: number, view: LiveView) => {
    const isPart = (live.traces.bits[trace]! & FORGOTTEN) !== 0;
    const key = keyOf(live, trace, view);
    found.set(key.traceId, { ...key, isPart });
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
    const view = live.look(trace);
    steps.spend(TRACE_COST + view.spanCount * SPAN_COST);
    const verdict = columns.ask(view);
    if (verdict === 'yes') take(trace, view);
    const [place] = verdict === 'unsure' ? live.places(trace) : [];
    if (place) candidates.push({ words: live.words(trace), key: keyOf(live, trace, view), place });
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
      const view = live.look(trace);
      if (matchesFacts(factsOf(view), search)) take(trace, view);
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

/** Walks what the log has of traces that are not stored. */
class OtlpWalk {
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

class ColumnTests {
  private readonly live: LiveTraces;
  private readonly search: LiveConditions;
  /** By operation id, whether its names pass: of any span, of the root. */
  private readonly names = new Map<number, Verdict>();
  private readonly rootNames = new Map<number, Verdict>();

  constructor(live: LiveTraces, search: LiveConditions) {
    this.live = live;
    this.search = search;
  }

  ask(view: LiveView): Verdict {
    const { search } = this;
    if (!matchesFacts(factsOf(view), search)) return 'no';
    const names = this.askAny(view, search.service, search.operation);
    const rootNames = this.askRoot(view, search.rootService, search.rootOperation);
    if (names === 'no' || rootNames === 'no') return 'no';
    return names === 'unsure' || rootNames === 'unsure' || search.attributes.length > 0 ? 'unsure' : 'yes';
  }

  private askAny(view: LiveView, service: string | undefined, operation: string | undefined): Verdict {
    if (service === undefined && operation === undefined) return 'yes';
    let best: Verdict = 'no';
    for (let i = 0; i < view.spanCount; i++) {
      const verdict = this.askNames(this.names, view.operation(i), service, operation);
      if (verdict === 'yes') return verdict;
      if (verdict === 'unsure') best = verdict;
    }
    return best;
  }

  private askRoot(view: LiveView, service: string | undefined, operation: string | undefined): Verdict {
    if (service === undefined && operation === undefined) return 'yes';
    const { root } = view;
    for (let i = 0; i < view.spanCount; i++) {
      // Which of two that start at once is the root, only the order of the spans tells.
      const isTie = i !== root && view.isRoot(i) === view.isRoot(root) && view.startUsOf(i) === view.startUsOf(root);
      if (isTie) return 'unsure';
    }
    return this.askNames(this.rootNames, view.operation(root), service, operation);
  }

  private askNames(
    known: Map<number, Verdict>,
    id: number,
    service: string | undefined,
    operation: string | undefined,
  ): Verdict {
    let verdict = known.get(id);
    if (verdict === undefined) {
      const [ofService, ofName] = [this.live.operations.service(id), this.live.operations.name(id)];
      const passes =
        (service === undefined || cutName(ofService) === cutName(service)) &&
        (operation === undefined || cutName(ofName) === cutName(operation));
      // It may stand for names that there was no room for.
      verdict = ofName === OTHER ? 'unsure' : passes ? 'yes' : 'no';
      known.set(id, verdict);
    }
    return verdict;
  }
}

function factsOf({ startUs, durationUs, errorCount }: LiveView) {
  return { startUs, durationUs, status: errorCount > 0 ? ('error' as const) : ('ok' as const) };
}

function keyOf(live: LiveTraces, trace: number, { startUs, durationUs }: LiveView): SortKey {
  return { startUs, durationUs, traceId: formatWords(live.words(trace)) };
}

function newestPlaceFirst(a: Place, b: Place): number {
  return b.bucket - a.bucket || b.row - a.row || b.start - a.start;
}
