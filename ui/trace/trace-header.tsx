import { serviceOf } from '../../model/tree.ts';
import { formatDuration } from '../logic/duration.ts';
import { explainDecision, explainRetention, formatScore, listMissing } from '../logic/explain.ts';
import { formatAge, formatTime } from '../logic/time.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Icon } from '../parts/icon.tsx';
import { ServiceName } from '../parts/service-name.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { currentUs } from '../shell/clock.ts';
import { Insights } from './insights.tsx';
import { TraceActions } from './trace-actions.tsx';
import type { TraceState } from './trace-state.ts';

/** What the trace is, how long and how whole it is, why it is here, and what can be done with it. */
export function TraceHeader({ state, onKept }: { state: TraceState; onKept: () => void }) {
  const trace = state.trace.value;
  const tree = state.tree.value;
  const root = tree.spans[0];
  if (root === undefined) return null;
  const missing = listMissing(trace.completeness);
  const errorCount = state.errors.value[tree.spans.length]!;
  const counts = countServices(state);
  const spanCount = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const { startUs, timeline } = state.insight.value;
  const duplicates = timeline?.duplicates ?? tree.duplicates;
  return (
    <header class="trace-header">
      <div class="title">
        <h1>
          <span class="root-service">{serviceOf(root)}</span> <span class="root-operation">{root.name}</span>
        </h1>
        {tree.headless && <span class="tag warn">root span not received</span>}
        <TraceActions trace={trace} onKept={onKept} />
      </div>
      <dl class="facts">
        <Fact name="Duration" value={formatDuration(state.totalUs.value)} strong />
        <Fact name="Spans" value={spanCount.toLocaleString('en')} strong />
        <div class={errorCount > 0 ? 'failed' : ''}>
          <dt>Errors</dt>
          <dd class="strong">
            {errorCount > 0 && <Icon name="error" />}
            {errorCount.toLocaleString('en')}
          </dd>
        </div>
        <Fact name="Services" value={String(counts.size)} strong />
        <div class={missing.length > 0 ? 'lacking' : ''}>
          <dt>Completeness</dt>
          <dd class="strong">{formatScore(trace.completeness)}</dd>
        </div>
        <div class="started">
          <dt>Started</dt>
          <dd>
            {formatTime(startUs)} <span class="muted">{formatAge(startUs, currentUs.value)}</span>
          </dd>
        </div>
        <div class="id">
          <dt>Trace id</dt>
          <dd>
            <code>{trace.traceId}</code>
            <CopyButton text={trace.traceId} what="trace id" />
          </dd>
        </div>
      </dl>
      <p class="decision">
        <StateBadge state={trace.state} decision={trace.decision} /> {explainDecision(trace.state, trace.decision)}{' '}
        {explainRetention(trace.decision)}{' '}
        {missing.length === 0 ? (
          <span class="muted">Complete.</span>
        ) : (
          <span class="incomplete">
            {trace.state === 'live' ? 'So far' : 'Incomplete'}: {missing.join(', ')}.
          </span>
        )}{' '}
        {duplicates > 0 && <span class="muted">{duplicates.toLocaleString('en')} duplicates left out.</span>}
      </p>
      <Insights state={state} />
      <ul class="legend" aria-label="Services; choose one to find its spans">
        {[...counts].map(([name, count]) => (
          <li key={name}>
            <ServiceChip name={name} count={count} state={state} />
          </li>
        ))}
      </ul>
    </header>
  );
}

/** Finds the service's spans; pressed again, it ends that. */
function ServiceChip({ name, count, state }: { name: string; count: number; state: TraceState }) {
  const text = `service.name=${name}`;
  const pressed = state.findText.value === text;
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={pressed}
      onClick={() => {
        state.findText.value = pressed ? '' : text;
      }}
    >
      <ServiceName name={name} count={count.toLocaleString('en')} />
    </button>
  );
}

function Fact({ name, value, strong }: { name: string; value: string; strong?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={strong ? 'strong' : ''}>{value}</dd>
    </div>
  );
}

/** Spans of each service that were received, in order of first appearance. */
function countServices(state: TraceState): Map<string, number> {
  const counts = new Map<string, number>();
  const { spans, synthetic } = state.tree.value;
  for (const [node, span] of spans.entries()) {
    if (synthetic[node] === 1) continue;
    const name = serviceOf(span);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
