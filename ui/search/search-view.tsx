import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { formatSearch, isUnfiltered, parseSearch, type SearchQuery } from '../logic/search-query.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice, Notice } from '../parts/notice.tsx';
import { isUnauthorized } from '../shell/api.ts';
import { loadServices } from '../shell/catalog.ts';
import { nowUs } from '../shell/clock.ts';
import { arrivedByHistory, navigate, search } from '../shell/router.ts';
import { ResultRow } from './result-row.tsx';
import { ScatterPlot } from './scatter-plot.tsx';
import { SearchForm } from './search-form.tsx';
import { createSearchResults } from './search-results.ts';

/** Outlives the view, so that coming back from a trace finds the list as it was left. */
const results = createSearchResults();

/** Finds traces. The query is the page's address, so a search can be sent to someone. */
export function SearchView() {
  const query = useComputed(() => parseSearch(search.value));

  useSignalEffect(() => {
    const wanted = query.value;
    if (!arrivedByHistory || !results.has(wanted)) void results.find(wanted, nowUs());
  });
  useEffect(() => {
    document.title = 'Search · Tailrace';
    void loadServices();
    return results.stop;
  }, []);

  function find(wanted: SearchQuery) {
    const href = `/${formatSearch(wanted)}`;
    if (href === window.location.pathname + window.location.search) {
      void results.find(wanted, nowUs());
      void loadServices();
    } else navigate(href);
  }

  if (isUnauthorized(results.failure.value)) {
    return <LoginForm onDone={() => find(query.value)} />;
  }
  return (
    <main class="search-view">
      <h1 class="visually-hidden">Search traces</h1>
      <SearchForm
        query={query.value}
        busy={results.loading.value === 'first'}
        onSearch={find}
        onSubmit={() => find(query.value)}
      />
      <Results query={query.value} onSearch={find} />
    </main>
  );
}

function Results({ query, onSearch }: { query: SearchQuery; onSearch: (query: SearchQuery) => void }) {
  const pointed = useSignal<string | null>(null);
  const traces = results.traces.value;
  const loading = results.loading.value;
  if (results.failure.value && traces.length === 0) {
    return <FailureNotice failure={results.failure.value} onRetry={() => onSearch(query)} />;
  }
  if (traces.length === 0)
    return loading === 'first' ? <Skeleton /> : <NothingFound query={query} onSearch={onSearch} />;

  const longestUs = Math.max(...traces.map((trace) => trace.durationUs));
  return (
    <section
      class={`results ${loading === 'first' ? 'stale' : ''}`}
      aria-label="Traces found"
      aria-busy={loading !== 'no'}
    >
      <ScatterPlot traces={traces} searched={results.range.value} pointed={pointed} />
      <p class="summary" role="status">
        {traces.length}
        {results.hasMore() ? '+' : ''} {traces.length === 1 ? 'trace' : 'traces'}, newest first
      </p>
      <ol class="list">
        {traces.map((trace) => (
          <ResultRow key={trace.traceId} trace={trace} longestUs={longestUs} pointed={pointed} />
        ))}
      </ol>
      {results.failure.value && <FailureNotice failure={results.failure.value} onRetry={() => void results.more()} />}
      {results.hasMore() && !results.failure.value && (
        <button type="button" class="button more" disabled={loading === 'more'} onClick={() => void results.more()}>
          {loading === 'more' ? 'Loading…' : 'Show more'}
        </button>
      )}
    </section>
  );
}

function NothingFound({ query, onSearch }: { query: SearchQuery; onSearch: (query: SearchQuery) => void }) {
  const week: SearchQuery['range'] = { kind: 'lookback', lookback: '7d' };
  const isWeek = query.range.kind === 'lookback' && query.range.lookback === '7d';
  return (
    <Notice title={isUnfiltered(query) ? 'No traces in this time' : 'No trace matches this search'}>
      <p>
        {isUnfiltered(query)
          ? 'Spans appear here as soon as they were accepted. Is anything sending to this edge?'
          : 'Every condition must hold. Try a longer time or fewer conditions.'}
      </p>
      <div class="actions">
        {!isWeek && (
          <button type="button" class="button" onClick={() => onSearch({ ...query, range: week })}>
            Search the last 7 days
          </button>
        )}
        {!isUnfiltered(query) && (
          <button type="button" class="button" onClick={() => onSearch({ ...parseSearch(''), range: query.range })}>
            Clear the conditions
          </button>
        )}
      </div>
    </Notice>
  );
}

function Skeleton() {
  return (
    <section class="skeleton" role="status" aria-label="Searching">
      {Array.from({ length: 8 }, (_, row) => (
        <div key={row} style={{ '--row': row }} />
      ))}
    </section>
  );
}
