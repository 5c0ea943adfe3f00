/** Search over the traces a shard has in memory. */

import { decodeSpans } from '../model/otlp/decode.ts';
import { mergeTrace } from '../model/otlp/merge.ts';
import { asksSpans, matchesFacts, matchesSpans } from '../model/query/matches-search.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { TraceSummary } from '../model/span.ts';
import { pageOf } from '../store/page.ts';
import type { PageSearch } from '../store/store.ts';
import type { Journal } from './journal.ts';
import { summarize } from './live-summary.ts';
import { formatWords } from './trace-words.ts';

/** Summaries of the live and the kept-but-not-stored traces that match, in order, at most `search.limit`. */
export function searchLive(journal: Journal, search: PageSearch): readonly TraceSummary[] {
  const { live } = journal;
  const found: TraceSummary[] = [];
  for (const trace of live.all()) {
    const state = live.state(trace);
    if (state === 'dropped' || (live.isDecided(trace) && !live.outbox.has(trace))) continue;
    const view = live.look(trace);
    if (view.startUs < search.startUs || view.startUs > search.endUs) continue;
    const traceId = formatWords(live.words(trace));
    const decision = live.traces.decision[trace] ?? null;
    const summary = { traceId, ...summarize(view, live.traces.bits[trace]!, () => true), state, decision };
    if (!matchesFacts(summary, search)) continue;
    if (asksSpans(search)) {
      const otlp = mergeTrace(concatBytes(journal.findSlices(live.words(trace)).map(journal.readSlice)));
      if (!matchesSpans(decodeSpans(otlp, 'live'), search)) continue;
    }
    found.push(summary);
  }
  return pageOf(found, search).traces;
}
