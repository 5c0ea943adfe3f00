import { serviceOf } from '../../model/tree.ts';
import { formatDuration } from '../logic/duration.ts';
import { explainClock } from '../logic/explain-span.ts';
import { criticalParts } from '../logic/insight.ts';
import { ServiceName } from '../parts/service-name.tsx';
import type { TraceState } from './trace-state.ts';

/** Of each kind so many are named. */
const MOST = 4;
/** Wider than this there is room for all of it above the spans. */
const ROOMY_PX = 620;

/** What the trace waited for, where it failed first, where nothing seems to happen, and whose clocks were wrong. */
export function Insights({ state }: { state: TraceState }) {
  const insight = state.insight.value;
  const { timeline, nodes } = insight;
  if (timeline === null) return null;
  const parts = criticalParts(insight);
  const chain = timeline.errorChain.map((row) => nodes[row]!).filter((node) => node >= 0);
  const [gap] = timeline.gaps;
  const moved = timeline.clocks.filter((clock) => clock.offsetUs !== 0);
  if (parts.length < 2 && chain.length === 0 && gap === undefined && moved.length === 0) return null;
  return (
    <details class="insights" open={window.innerWidth > ROOMY_PX}>
      <summary>What it tells</summary>
      <dl>
        {parts.length > 1 && (
          <div>
            <dt title="The critical path: what the first span waited for, moment by moment">Waited for</dt>
            <dd>
              {parts.slice(0, MOST).map((part) => (
                <button
                  type="button"
                  class="chip"
                  key={`${part.service} ${part.name}`}
                  onClick={() => show(state, part.node)}
                >
                  <ServiceName name={part.service} /> {part.name}
                  {part.spans > 1 && <span class="muted"> × {part.spans.toLocaleString('en')}</span>}{' '}
                  <strong>{formatDuration(part.us)}</strong>
                  <span class="muted"> {Math.round((100 * part.us) / Math.max(1, state.totalUs.value))} %</span>
                </button>
              ))}
              {parts.length > MOST && <span class="muted">and {parts.length - MOST} more</span>}
            </dd>
          </div>
        )}
        {chain.length > 0 && (
          <div class="failed">
            <dt title="From the deepest span that failed up to the top">Failed in</dt>
            <dd>
              {chain.slice(0, MOST).map((node, index) => (
                <>
                  {index > 0 && <span aria-hidden="true">→</span>}
                  <NodeChip key={node} state={state} node={node} />
                </>
              ))}
              {chain.length > MOST && <span class="muted">and {chain.length - MOST} above</span>}
            </dd>
          </div>
        )}
        {gap !== undefined && nodes[gap.row]! >= 0 && (
          <div>
            <dt title="The longest stretch in which a span that has children had none running">Longest gap</dt>
            <dd>
              <NodeChip state={state} node={nodes[gap.row]!} /> <strong>{formatDuration(gap.durationUs)}</strong>
              <span class="muted">from {formatDuration(gap.offsetUs)}</span>
            </dd>
          </div>
        )}
        {moved.length > 0 && (
          <div>
            <dt title="Calls between services rule out that these clocks are right. Details have what was recorded.">
              Clocks moved
            </dt>
            <dd>
              {moved.slice(0, MOST).map((clock) => (
                <span class="clock" key={`${clock.service} ${clock.instance}`}>
                  <ServiceName name={clock.service} /> <span class="muted">{explainClock(clock)}</span>
                </span>
              ))}
              {moved.length > MOST && <span class="muted">and {moved.length - MOST} more</span>}
            </dd>
          </div>
        )}
      </dl>
    </details>
  );
}

function NodeChip({ state, node }: { state: TraceState; node: number }) {
  const span = state.tree.value.spans[node]!;
  return (
    <button type="button" class="chip" onClick={() => show(state, node)}>
      <ServiceName name={serviceOf(span)} /> {span.name}
    </button>
  );
}

function show(state: TraceState, node: number): void {
  state.activate(node);
  state.detailsOpen.value = true;
}
