import type { Decision, TraceState } from '../../model/span.ts';
import { explainDecision, nameDecision } from '../logic/explain.ts';

/** What became of a trace: live, kept or dropped, with the reason in a word. */
export function StateBadge({ state, decision }: { state: TraceState; decision: Decision | null }) {
  const reason = state === 'live' ? '' : nameDecision(decision);
  return (
    <span class={`state-badge ${state}`} title={explainDecision(state, decision)}>
      <span class="state">{state}</span>
      {reason !== '' && <span class="reason">{reason}</span>}
    </span>
  );
}
