/** Decisions and completeness in words. */

import type { Completeness, Decision, TraceState } from '../../model/span.ts';

/** One or two words for a list: `live`, `error`, `slow`, `1 in 10`. */
export function nameDecision(decision: Decision | null): string {
  if (decision === null) return '';
  switch (decision.reason) {
    case 'error':
      return 'error';
    case 'slow':
      return 'slow';
    case 'probability':
      return decision.rate === 1 ? 'all kept' : `1 in ${formatRate(decision.rate)}`;
    case 'not_sampled':
      return 'not sampled';
    case 'manual':
      return 'by hand';
  }
}

/** A sentence that says what became of the trace and why. */
export function explainDecision(state: TraceState, decision: Decision | null): string {
  if (decision === null || state === 'live') return 'Not decided yet: spans are still awaited.';
  return `${explainReason(decision)} Rule “${decision.policy}”, configuration ${decision.configVersion}.`;
}

function explainReason(decision: Decision): string {
  const { rate } = decision;
  switch (decision.reason) {
    case 'error':
      return `Kept because a span failed${rate > 1 ? `; stands for ${formatRate(rate)} such traces` : ''}.`;
    case 'slow':
      return `Kept because it was slow${rate > 1 ? `; stands for ${formatRate(rate)} such traces` : ''}.`;
    case 'probability':
      return rate === 1
        ? 'Kept because the rule keeps every trace.'
        : `Kept by chance, 1 in ${formatRate(rate)}: it stands for ${formatRate(rate)} traces like it.`;
    case 'not_sampled':
      return 'Dropped: no rule picked it. It stays readable for some minutes, until its spans leave the log.';
    case 'manual':
      return `Kept by hand${rate === 0 ? '; it stands for no other trace' : ''}.`;
  }
}

/** What is missing from the trace, one phrase each; empty when nothing is. */
export function listMissing(completeness: Completeness): string[] {
  const { rootEnded, missingParents, openSpans } = completeness;
  const missing: string[] = [];
  if (!rootEnded) missing.push('root span not ended or not received');
  if (missingParents > 0)
    missing.push(`${missingParents} parent ${missingParents === 1 ? 'span' : 'spans'} not received`);
  if (openSpans > 0) missing.push(`${openSpans} ${openSpans === 1 ? 'span' : 'spans'} without an end`);
  return missing;
}

function formatRate(rate: number): string {
  return rate >= 1000 ? Math.round(rate).toLocaleString('en') : String(Math.round(rate * 100) / 100);
}
