import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Trace } from '../../model/span.ts';
import { serviceOf } from '../../model/tree.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice, Notice } from '../parts/notice.tsx';
import { ApiFailure, fetchTimeline, fetchTrace, isUnauthorized } from '../shell/api.ts';
import { loadServices, noteServices } from '../shell/catalog.ts';
import { search } from '../shell/router.ts';
import { TracePage } from './trace-page.tsx';
import { createTraceState, type LoadedTrace, type TraceState } from './trace-state.ts';

/** How often a trace that is not decided yet is read again. */
const LIVE_POLL_MS = 2_000;

/** Loads a trace and shows it; reads it again while it is live. */
export function TraceView({ traceId }: { traceId: string }) {
  const state = useSignal<TraceState | null>(null);
  const failure = useSignal<Error | null>(null);
  const attempt = useSignal(0);

  useEffect(() => {
    const stopped = new AbortController();
    let timer = 0;
    document.title = `Trace ${traceId.slice(0, 8)} · Tailrace`;
    void loadServices();

    async function load() {
      let trace: Trace | null = null;
      try {
        if (document.visibilityState === 'visible' || state.peek() === null) {
          const timeline = fetchTimeline(traceId, stopped.signal).catch(() => null);
          trace = await fetchTrace(traceId, stopped.signal);
          show({ trace, timeline: await timeline });
          failure.value = null;
        }
      } catch (error) {
        if (stopped.signal.aborted) return;
        // What is on the screen stays there: a live trace's next poll may go through.
        if (state.peek() === null) failure.value = error as Error;
      }
      if (failure.peek() === null && (state.peek()?.trace.peek() ?? trace)?.state === 'live') {
        timer = window.setTimeout(() => void load(), LIVE_POLL_MS);
      }
    }

    function show(loaded: LoadedTrace) {
      if (stopped.signal.aborted) return;
      noteServices(new Set(loaded.trace.spans.map(serviceOf)));
      if (state.peek() !== null) {
        state.peek()!.replace(loaded);
        return;
      }
      const created = createTraceState(loaded);
      const spanId = new URLSearchParams(search.peek()).get('span');
      if (spanId !== null) created.detailsOpen.value = created.activateSpan(spanId);
      state.value = created;
      const root = created.tree.peek().spans[0];
      if (root !== undefined) document.title = `${root.name} · ${serviceOf(root)} · Tailrace`;
    }

    void load();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [traceId, attempt.value]);

  const reload = () => {
    failure.value = null;
    attempt.value++;
  };
  if (isUnauthorized(failure.value)) return <LoginForm onDone={reload} />;
  if (failure.value instanceof ApiFailure && [400, 404].includes(failure.value.status)) {
    return <UnknownTrace failure={failure.value} onRetry={reload} />;
  }
  if (failure.value) return <FailureNotice failure={failure.value} onRetry={reload} />;
  if (state.value === null) return <LoadingTrace />;
  if (state.value.trace.value.spans.length === 0) return <Notice title="This trace has no spans" />;
  return <TracePage state={state.value} onKept={reload} />;
}

function UnknownTrace({ failure, onRetry }: { failure: ApiFailure; onRetry: () => void }) {
  return (
    <Notice title={failure.status === 404 ? 'This trace is not here' : 'This is not a trace id'} kind="error">
      <p>{failure.message}</p>
      {failure.status === 404 && (
        <p>
          A trace can be read as soon as its first spans were accepted. One that the sampler dropped stays readable for
          some minutes only.
        </p>
      )}
      <div class="actions">
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
        <a class="button" href="/">
          Search traces
        </a>
      </div>
    </Notice>
  );
}

function LoadingTrace() {
  return (
    <section class="skeleton waterfall-skeleton" role="status" aria-label="Loading the trace">
      {Array.from({ length: 12 }, (_, row) => (
        <div key={row} style={{ '--row': row }} />
      ))}
    </section>
  );
}
