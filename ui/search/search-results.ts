/** The state behind the search view: the traces found so far and how to get more. */

import { signal } from '@preact/signals';
import type { TraceSummary } from '../../model/span.ts';
import { apiParameters, formatSearch, type SearchQuery, searchRange } from '../logic/search-query.ts';
import type { TimeRange } from '../logic/viewport.ts';
import { fetchTraces } from '../shell/api.ts';
import { noteServices } from '../shell/catalog.ts';

/** Results of one query at a time; a new `find` gives up what the one before still waits for. */
export function createSearchResults() {
  const traces = signal<readonly TraceSummary[]>([]);
  const range = signal<TimeRange>({ startUs: 0, endUs: 0 });
  const cursor = signal<string | null>(null);
  const loading = signal<'no' | 'first' | 'more'>('first');
  const failure = signal<Error | null>(null);
  let asked = new AbortController();
  let parameters = new URLSearchParams();
  let foundFor: string | null = null;

  async function load(mode: 'first' | 'more') {
    asked.abort();
    asked = new AbortController();
    const { signal: given } = asked;
    loading.value = mode;
    failure.value = null;
    try {
      const page = await fetchTraces(parameters, given);
      noteServices(page.traces.flatMap((trace) => trace.services.map((service) => service.name)));
      const before = mode === 'more' ? traces.peek() : [];
      const known = new Set(before.map((trace) => trace.traceId));
      traces.value = [...before, ...page.traces.filter((trace) => !known.has(trace.traceId))];
      cursor.value = page.cursor;
      loading.value = 'no';
    } catch (error) {
      if (given.aborted) return;
      failure.value = error as Error;
      if (mode === 'first') traces.value = [];
      loading.value = 'no';
    }
  }

  return {
    traces,
    /** The time that was searched. */
    range,
    loading,
    failure,
    hasMore: () => cursor.value !== null,
    /** True when what is there was found for `query`. */
    has: (query: SearchQuery) => foundFor === formatSearch(query) && loading.peek() === 'no' && failure.peek() === null,
    /** Asks for the first page of `query`. */
    find(query: SearchQuery, nowUs: number): Promise<void> {
      range.value = searchRange(query, nowUs);
      foundFor = formatSearch(query);
      parameters = apiParameters(query, nowUs);
      cursor.value = null;
      return load('first');
    },
    /** Asks for the next page. */
    more(): Promise<void> {
      if (cursor.value !== null) parameters.set('cursor', cursor.value);
      return load('more');
    },
    stop: () => asked.abort(),
  };
}
