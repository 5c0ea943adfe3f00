/** A page along a frozen list: each trace where it stood when the list was made, and as it is now. */

import type { SortKey } from '../store/store.ts';
import { countEntries, countUpTo, type FrozenList, keyAt } from './frozen-lists.ts';
import type { Journal } from './journal.ts';
import { summarize } from './live-summary.ts';
import type { LivePage, LiveTrace } from './protocol.ts';
import { BEFORE_ALL, isHere, isPart } from './search.ts';
import type { Steps } from './steps.ts';
import { parseWords } from './trace-words.ts';

/** About how many nanoseconds it takes to make a summary, of each span of it, and to find a decision in the log. */
const SUMMARY_COST = 5_000;
const SPAN_COST = 300;
const DECISION_COST = 50_000;

/** Up to `limit` traces that stand behind `after`, but for those that were dropped since. */
export async function pageOfList(
  journal: Journal,
  list: FrozenList,
  { after, limit }: { readonly after?: SortKey | undefined; readonly limit: number },
  isErased: (traceId: string) => boolean,
  steps: Steps,
): Promise<LivePage> {
  const count = countEntries(list);
  const traces: LiveTrace[] = [];
  let i = after ? countUpTo(list, after) : 0;
  for (; i < count && traces.length < limit && !steps.isOver; i++) {
    const key = keyAt(list, i);
    const trace = isErased(key.traceId) ? null : lookUp(journal, key, steps);
    if (trace) traces.push(trace);
    if (steps.isDue) await steps.next();
  }
  return {
    traces,
    reached: i === count ? null : i > 0 ? keyAt(list, i - 1) : BEFORE_ALL,
    isEmpty: count === 0,
    cutAt: list.cutAt,
  };
}

/** null where it was dropped. */
function lookUp(journal: Journal, key: SortKey, steps: Steps): LiveTrace | null {
  const { live } = journal;
  const words = parseWords(key.traceId);
  const trace = live.traces.find(...words);
  if (trace === -1) {
    steps.spend(DECISION_COST);
    return journal.findDecision(words)?.decision.keep === false ? null : { key, summary: null, isPart: false };
  }
  const state = live.state(trace);
  if (state === 'dropped') return null;
  // All that has come is stored; what is here waits for spans that are open.
  if (!isHere(live, trace)) return { key, summary: null, isPart: false };
  const view = live.look(trace);
  steps.spend(SUMMARY_COST + view.spanCount * SPAN_COST);
  const bits = live.traces.bits[trace]!;
  const decision = live.traces.decision[trace] ?? null;
  const summary = { traceId: key.traceId, ...summarize(view, bits, () => true), state, decision };
  return { key, summary, isPart: isPart(live, trace) };
}
