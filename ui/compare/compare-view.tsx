import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { CompareAnswer, NamedTrace } from '../../model/difference.ts';
import { formatDuration } from '../logic/duration.ts';
import { formatComparePath, formatTracePath } from '../logic/route.ts';
import { formatTime } from '../logic/time.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice, Notice } from '../parts/notice.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { ApiFailure, fetchComparison, isUnauthorized } from '../shell/api.ts';
import { loadServices, noteServices } from '../shell/catalog.ts';
import { search } from '../shell/router.ts';
import { DifferenceTable } from './difference-table.tsx';

const TYPICAL = 'typical';

/** Two traces side by side, or one beside a typical one of its operation. */
export function CompareView() {
  const names = useComputed(() => {
    const parameters = new URLSearchParams(search.value);
    return { a: parameters.get('a') ?? '', b: parameters.get('b') ?? TYPICAL };
  });
  const { a, b } = names.value;
  useEffect(() => {
    document.title = 'Compare · Tailrace';
    void loadServices();
  }, []);
  const compared = useLoaded(JSON.stringify([a, b]), async (signal) => {
    const answer = await fetchComparison(a, b, signal);
    noteServices([...answer.matched, ...answer.onlyInA, ...answer.onlyInB].map(({ service }) => service));
    return answer;
  });
  const { failure, value } = compared;
  if (isUnauthorized(failure)) return <LoginForm onDone={compared.reload} />;
  if (failure instanceof ApiFailure && failure.code === 'no_typical') {
    return (
      <Notice title="There is nothing typical to compare with">
        <p>{failure.message}</p>
        <a class="button" href={formatTracePath(a)}>
          Back to the trace
        </a>
      </Notice>
    );
  }
  if (failure) return <FailureNotice failure={failure} onRetry={compared.reload} />;
  if (value === null) return <Loading />;
  return (
    <main class="wide-view">
      <header class="view-header">
        <h1>Compare</h1>
        <a class="button small" href={formatComparePath(value.b.traceId, value.a.traceId)}>
          Swap A and B
        </a>
      </header>
      <div class="sides">
        <Side name="A" trace={value.a} other={value.b} note="" />
        <Side name="B" trace={value.b} other={value.a} note={explainTypical(value)} />
      </div>
      <DifferenceTable key={`${value.a.traceId} ${value.b.traceId}`} answer={value} />
    </main>
  );
}

function Side({ name, trace, other, note }: { name: string; trace: NamedTrace; other: NamedTrace; note: string }) {
  const longest = Math.max(trace.durationUs, other.durationUs, 1);
  return (
    <section class={`side side-${name.toLowerCase()}`} aria-label={`Trace ${name}`}>
      <h2>
        <span class="side-name">{name}</span>{' '}
        <a href={formatTracePath(trace.traceId)}>
          <code>{trace.traceId}</code>
        </a>
      </h2>
      <p>
        <strong>{formatDuration(trace.durationUs)}</strong>, {trace.spanCount.toLocaleString('en')} spans,{' '}
        <span class={trace.errorCount > 0 ? 'error-share' : ''}>
          {trace.errorCount === 0 ? 'no errors' : `${trace.errorCount} with errors`}
        </span>
        , {formatTime(trace.startUs)}
      </p>
      <span class="meter">
        <span style={{ width: `max(2px, ${(100 * trace.durationUs) / longest}%)` }} />
      </span>
      {note !== '' && <p class="muted">{note}</p>}
    </section>
  );
}

function explainTypical({ typical }: CompareAnswer): string {
  if (typical === undefined) return '';
  const { service, operation, medianUs, medianOf, candidates } = typical;
  const of = medianOf === 'statistics' ? 'of all its calls then' : 'of the traces that were kept';
  return `Typical of ${service} ${operation}: its median is ${formatDuration(medianUs)}, ${of}; the nearest of ${candidates} kept ${candidates === 1 ? 'trace' : 'traces'}.`;
}

function Loading() {
  return (
    <section class="skeleton" role="status" aria-label="Comparing">
      {Array.from({ length: 8 }, (_, row) => (
        <div key={row} style={{ '--row': row }} />
      ))}
    </section>
  );
}
