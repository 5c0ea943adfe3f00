/** The state behind the search view: the traces found so far, how many there are, and how to get more. */

import { signal } from '@preact/signals';
import type { TraceList, TraceSummary } from '../../model/span.ts';
import type { TraceHistogram } from '../logic/heat-map.ts';
import { rangeOf } from '../logic/page-range.ts';
import { countParameters, formatSearch, pageParameters, type SearchQuery } from '../logic/search-query.ts';
import type { TimeRange } from '../logic/viewport.ts';
import { ApiFailure, fetchHistogram, fetchTraces } from '../shell/api.ts';
import { noteServices } from '../shell/catalog.ts';

/** Results of one query at a time; a new `find` gives up what the one before still waits for. */
export function createSearchResults() {
  const traces = signal<readonly TraceSummary[]>([]);
  const histogram = signal<TraceHistogram | null>(null);
  const range = signal<TimeRange>({ startUs: 0, endUs: 0 });
  const reached = signal<Pick<TraceList, 'cursor' | 'complete' | 'searchedToUs'>>({ cursor: null, complete: true });
  const loading = signal<'no' | 'first' | 'more'>('first');
  const failure = signal<Error | null>(null);
  let asked = new AbortController();
  let parameters = new URLSearchParams();
  let foundFor: string | null = null;

  async function load(mode: 'first' | 'more') {
    const { signal: given } = asked;
    loading.value = mode;
    failure.value = null;
    try {
      const page = await fetchTraces(parameters, given);
      noteServices(page.traces.flatMap((trace) => trace.services.map((service) => service.name)));
      traces.value = mode === 'more' ? [...traces.peek(), ...page.traces] : page.traces;
      reached.value = page;
      loading.value = 'no';
    } catch (error) {
      if (given.aborted) return;
      failure.value = error as Error;
      if (mode === 'first') traces.value = [];
      loading.value = 'no';
    }
  }

  /** The list is there without it: who cannot be told how many there are is told how many are listed. */
  async function count(parameters: URLSearchParams) {
    const { signal: given } = asked;
    histogram.value = null;
    const counted = await fetchHistogram(parameters, given).catch(() => null);
    if (!given.aborted) histogram.value = counted;
  }

  function restart() {
    asked.abort();
    asked = new AbortController();
  }

  return {
    traces,
    /** How many there are of all, by start and duration; null while that, or as it, is not known. */
    histogram,
    /** The time that was searched. */
    range,
    reached,
    loading,
    failure,
    /** True when the list is too old to go on with. */
    isExpired: () => failure.value instanceof ApiFailure && failure.value.code === 'cursor_expired',
    /** True when what is there was found for `query`. */
    has: (query: SearchQuery) => foundFor === formatSearch(query) && loading.peek() === 'no' && failure.peek() === null,
    /** Asks for the first page of `query`. */
    find(query: SearchQuery, nowUs: number): void {
      restart();
      range.value = rangeOf(query.range, nowUs);
      foundFor = formatSearch(query);
      parameters = pageParameters(query, nowUs);
      void load('first');
      void count(countParameters(query, nowUs));
    },
    /** Asks for the next page. */
    more(): void {
      const { cursor } = reached.peek();
      if (cursor !== null) parameters.set('cursor', cursor);
      void load('more');
    },
    stop: () => asked.abort(),
  };
}
