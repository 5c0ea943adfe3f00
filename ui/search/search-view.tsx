import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { describeFound, describeReach } from '../logic/found.ts';
import { findFault, setField } from '../logic/query-line.ts';
import { formatSearch, parseSearch, type SearchQuery } from '../logic/search-query.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice, Notice } from '../parts/notice.tsx';
import { isUnauthorized, lineFaultOf } from '../shell/api.ts';
import { loadServices } from '../shell/catalog.ts';
import { currentUs, nowUs } from '../shell/clock.ts';
import { arrivedByHistory, navigate, search } from '../shell/router.ts';
import { HeatMapFigure, type Picked } from './heat-map-figure.tsx';
import { ResultRow } from './result-row.tsx';
import { SearchForm } from './search-form.tsx';
import { createSearchResults } from './search-results.ts';

/** Outlives the view, so that coming back from a trace finds the list as it was left. */
const results = createSearchResults();

/** Finds traces. The query is the page's address, so a search can be sent to someone. */
export function SearchView() {
  const query = useComputed(() => parseSearch(search.value));
  const draft = useSignal(query.value.line);

  useSignalEffect(() => {
    const wanted = query.value;
    draft.value = wanted.line;
    if (findFault(wanted.line) === null && (!arrivedByHistory || !results.has(wanted))) results.find(wanted, nowUs());
  });
  useEffect(() => {
    document.title = 'Search · Tailrace';
    void loadServices();
    return results.stop;
  }, []);

  function find(wanted: SearchQuery) {
    const href = `/${formatSearch(wanted)}`;
    if (href === window.location.pathname + window.location.search) {
      results.find(wanted, nowUs());
      void loadServices();
    } else navigate(href);
  }

  if (isUnauthorized(results.failure.value)) {
    return <LoginForm onDone={() => find(query.value)} />;
  }
  const refused = lineFaultOf(results.failure.value);
  const isWrong = refused !== null || findFault(query.value.line) !== null;
  return (
    <main class="search-view">
      <h1 class="visually-hidden">Search traces</h1>
      <SearchForm
        query={query.value}
        draft={draft}
        refused={refused}
        busy={results.loading.value === 'first' && !isWrong}
        onSearch={find}
      />
      {isWrong ? (
        <Notice title="Nothing was searched yet">
          <p>The query line has a fault, which is underlined above.</p>
        </Notice>
      ) : (
        <Results query={query.value} onSearch={find} />
      )}
    </main>
  );
}

interface ResultsProps {
  query: SearchQuery;
  onSearch: (query: SearchQuery) => void;
}

function Results({ query, onSearch }: ResultsProps) {
  const pointed = useSignal<string | null>(null);
  const traces = results.traces.value;
  const loading = results.loading.value;
  if (results.failure.value && traces.length === 0) {
    return <FailureNotice failure={results.failure.value} onRetry={() => onSearch(query)} />;
  }
  if (traces.length === 0) {
    if (loading === 'first') return <Skeleton />;
    if (results.reached.value.cursor === null) return <NothingFound query={query} onSearch={onSearch} />;
  }

  function narrow({ times, durations }: Picked) {
    let { line } = query;
    if (durations) {
      line = setField(line, 'minDuration', durations.leastUs > 0 ? `${durations.leastUs}us` : '');
      line = setField(line, 'maxDuration', Number.isFinite(durations.mostUs) ? `${durations.mostUs}us` : '');
    }
    onSearch({ ...query, line, range: times ? { kind: 'custom', ...times } : query.range });
  }

  const hasMore = results.reached.value.cursor !== null;
  const longestUs = traces.reduce((longest, trace) => Math.max(longest, trace.durationUs), 0);
  return (
    <section
      class={`results ${loading === 'first' ? 'stale' : ''}`}
      aria-label="Traces found"
      aria-busy={loading !== 'no'}
    >
      <HeatMapFigure
        traces={traces}
        histogram={hasMore ? results.histogram.value : null}
        searched={results.range.value}
        pointed={pointed}
        onPick={narrow}
      />
      <p class="summary" role="status">
        {describeFound(traces.length, hasMore, results.histogram.value)},{' '}
        {query.order === 'newest' ? 'newest first' : 'slowest first'}
      </p>
      <ol class="list">
        {traces.map((trace) => (
          <ResultRow key={trace.traceId} trace={trace} longestUs={longestUs} pointed={pointed} />
        ))}
      </ol>
      <Rest query={query} onSearch={onSearch} />
    </section>
  );
}

/** What follows the list: how far was searched, and the way to more. */
function Rest({ query, onSearch }: ResultsProps) {
  const failure = results.failure.value;
  const isLoading = results.loading.value === 'more';
  const reach = describeReach(results.reached.value, query.order, currentUs.value);
  if (results.isExpired()) {
    return (
      <Notice title="This list is too old to go on with">
        <p>
          A list is held still for an hour at most, so that nothing comes twice or is missed. What is new is found by a
          new search.
        </p>
        <button type="button" class="button" onClick={() => onSearch(query)}>
          Search again
        </button>
      </Notice>
    );
  }
  if (failure) return <FailureNotice failure={failure} onRetry={results.more} />;
  return (
    <>
      {reach !== '' && (
        <p class="reach" role="status">
          {reach}
        </p>
      )}
      {results.reached.value.cursor !== null && (
        <button type="button" class="button more" disabled={isLoading} onClick={results.more}>
          {isLoading ? 'Loading…' : results.reached.value.complete ? 'Show more' : 'Search on'}
        </button>
      )}
    </>
  );
}

function NothingFound({ query, onSearch }: ResultsProps) {
  const isUnfiltered = query.line === '';
  const week: SearchQuery['range'] = { kind: 'lookback', lookback: '7d' };
  const isWeek = query.range.kind === 'lookback' && ['7d', '30d'].includes(query.range.lookback);
  const reach = describeReach(results.reached.value, query.order, currentUs.value);
  return (
    <Notice title={isUnfiltered ? 'No traces in this time' : 'No trace matches this search'}>
      <p>
        {isUnfiltered
          ? 'Spans appear here as soon as they were accepted. Is anything sending to this edge?'
          : 'Every condition must hold. Try a longer time or fewer conditions.'}
      </p>
      {reach !== '' && <p>{reach}</p>}
      <div class="actions">
        {!isWeek && (
          <button type="button" class="button" onClick={() => onSearch({ ...query, range: week })}>
            Search the last 7 days
          </button>
        )}
        {!isUnfiltered && (
          <button type="button" class="button" onClick={() => onSearch({ ...query, line: '' })}>
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
