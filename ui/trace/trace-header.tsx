import { useSignal } from '@preact/signals';
import { serviceOf } from '../../model/tree.ts';
import { formatDuration } from '../logic/duration.ts';
import { explainDecision, listMissing } from '../logic/explain.ts';
import { formatAge, formatTime } from '../logic/time.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Icon } from '../parts/icon.tsx';
import { ServiceName } from '../parts/service-name.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { fetchOtlp } from '../shell/api.ts';
import { currentUs } from '../shell/clock.ts';
import { saveFile } from '../shell/save-file.ts';
import type { TraceState } from './trace-state.ts';

/** What the trace is, how long and how whole it is, why it is here, and its downloads. */
export function TraceHeader({ state }: { state: TraceState }) {
  const trace = state.trace.value;
  const tree = state.tree.value;
  const root = tree.spans[0];
  if (root === undefined) return null;
  const missing = listMissing(trace.completeness);
  const errorCount = state.errors.value[tree.spans.length]!;
  const counts = countServices(state);
  return (
    <header class="trace-header">
      <div class="title">
        <h1>
          <span class="root-service">{serviceOf(root)}</span> <span class="root-operation">{root.name}</span>
        </h1>
        {tree.headless && <span class="tag warn">root span not received</span>}
        <Downloads traceId={trace.traceId} />
      </div>
      <dl class="facts">
        <Fact name="Duration" value={formatDuration(state.totalUs.value)} strong />
        <Fact name="Spans" value={tree.spans.length.toLocaleString('en')} strong />
        <div class={errorCount > 0 ? 'failed' : ''}>
          <dt>Errors</dt>
          <dd class="strong">
            {errorCount > 0 && <Icon name="error" />}
            {errorCount.toLocaleString('en')}
          </dd>
        </div>
        <Fact name="Services" value={String(counts.size)} strong />
        <div class="started">
          <dt>Started</dt>
          <dd>
            {formatTime(state.bounds.value.startUs)}{' '}
            <span class="muted">{formatAge(state.bounds.value.startUs, currentUs.value)}</span>
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
        {missing.length === 0 ? (
          <span class="muted">Complete.</span>
        ) : (
          <span class="incomplete">
            {trace.state === 'live' ? 'So far' : 'Incomplete'}: {missing.join(', ')}.
          </span>
        )}{' '}
        {tree.duplicates > 0 && <span class="muted">Merged {tree.duplicates} duplicate spans.</span>}
      </p>
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

/** Spans of each service, in order of first appearance. */
function countServices(state: TraceState): Map<string, number> {
  const counts = new Map<string, number>();
  for (const span of state.tree.value.spans) {
    const name = serviceOf(span);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function Downloads({ traceId }: { traceId: string }) {
  const failure = useSignal('');
  async function saveOtlp() {
    failure.value = '';
    try {
      saveFile(`trace-${traceId}.otlp.binpb`, await fetchOtlp(traceId));
    } catch (error) {
      failure.value = (error as Error).message;
    }
  }
  return (
    <div class="downloads">
      {failure.value !== '' && (
        <span class="failure" role="alert">
          {failure.value}
        </span>
      )}
      <a class="button small" href={`/api/traces/${traceId}`} download={`trace-${traceId}.json`}>
        <Icon name="download" /> JSON
      </a>
      <button type="button" class="button small" onClick={() => void saveOtlp()} title="OTLP TracesData, protobuf">
        <Icon name="download" /> OTLP
      </button>
    </div>
  );
}
