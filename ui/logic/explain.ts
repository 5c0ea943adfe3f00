/** Decisions and completeness in words. */

import type { DecisionReason, DropReason } from '../../model/reasons.ts';
import type { Completeness, CompletenessReason, Decision, RetentionClass, TraceState } from '../../model/span.ts';

/** What a list says of a decision, where it is more than its reason's own name. */
const NAMES: Partial<Record<DecisionReason, string>> = {
  slow_for_operation: 'slow for its kind',
  sla: 'SLA',
  no_match: 'no match',
  manual: 'by hand',
};

/** What a kept trace was kept for. */
const BECAUSE: Record<Exclude<DecisionReason, 'probability' | 'throughput' | 'manual' | DropReason>, string> = {
  always: 'its rule keeps whatever it is asked',
  error: 'a span failed',
  status: 'of a span’s status',
  slow: 'it was slow',
  slow_for_operation: 'it was slow for its operation',
  sla: 'an operation took longer than agreed',
  critical: 'a service or operation in it is critical',
  operation: 'of a service or operation in it',
  attribute: 'of an attribute',
  span_count: 'of the number of its spans',
  trace_flags: 'of its trace flags',
  trace_state: 'of its trace state',
  rare_edge: 'one service calls another that it seldom calls',
  no_match: 'it is not what the rule excludes',
  coverage: 'few traces like it are kept',
  rate_limit: 'there was room below the rate limit',
  byte_limit: 'there was room below the limit on bytes',
};

/** The `policy` of a decision that no rule made. */
const NO_RULE = 'none';

/** One to four words for a list: `live`, `error`, `slow`, `1 in 10`. */
export function nameDecision(decision: Decision | null): string {
  if (decision === null) return '';
  const { reason, rate } = decision;
  if (reason === 'probability') return rate === 1 ? 'all kept' : `1 in ${formatRate(rate)}`;
  return NAMES[reason] ?? reason.replaceAll('_', ' ');
}

/** A sentence that says what became of the trace and why. */
export function explainDecision(state: TraceState, decision: Decision | null): string {
  if (decision === null || state === 'live') return 'Not decided yet: spans are still awaited.';
  const { reason, policy, configVersion, keep } = decision;
  const byRule = reason !== 'manual' && reason !== 'erased' && policy !== NO_RULE;
  const signature = byRule ? ` Rule “${policy}”, configuration ${configVersion}.` : '';
  const stays =
    keep || reason === 'erased' ? '' : ' It stays readable for some minutes, until its spans leave the log.';
  return `${explainReason(decision)}${signature}${stays}`;
}

function explainReason({ reason, rate, policy }: Decision): string {
  switch (reason) {
    case 'probability':
      return rate === 1
        ? 'Kept because the rule keeps every trace.'
        : `Kept by chance, 1 in ${formatRate(rate)}: it stands for ${formatRate(rate)} traces like it.`;
    case 'throughput':
      return `Kept by chance, 1 in ${formatRate(rate)} of its kind at the time.`;
    case 'not_sampled':
      return policy === NO_RULE ? 'Dropped: no rule picked it.' : 'Dropped by chance.';
    case 'over_limit':
      return 'Dropped: the limit was reached.';
    case 'erased':
      return 'Dropped: it was erased by hand.';
    case 'drop_rule':
      return 'Dropped because the rule drops whatever it matches.';
    case 'manual':
      return `Kept by hand${rate === 0 ? '; it stands for no other trace' : ''}.`;
    default:
      return `Kept because ${BECAUSE[reason]}${rate > 1 ? `; stands for ${formatRate(rate)} such traces` : ''}.`;
  }
}

const RETENTION: Record<RetentionClass, string> = {
  hot: 'for the usual time',
  warm: 'longer than usual',
  cold: 'the longest',
};

/** How long a kept trace is stored; empty for any other. */
export function explainRetention(decision: Decision | null): string {
  if (!decision?.keep) return '';
  const { retention = 'hot' } = decision;
  return `Stored in class “${retention}”, ${RETENTION[retention]}.`;
}

/** What takes the score of completeness down, one phrase each; empty when the trace lacks nothing. */
export function listMissing(completeness: Completeness): string[] {
  return completeness.reasons.map((reason) => explainMissing(reason, completeness));
}

function explainMissing(reason: CompletenessReason, { missingParents, openSpans }: Completeness): string {
  switch (reason) {
    case 'root_missing':
      return 'root span not ended or not received';
    case 'parents_missing':
      return `${formatCount(missingParents, 'parent span')} not received`;
    case 'spans_open':
      return `${formatCount(openSpans, 'span')} without an end`;
    case 'decided_early':
      return 'decided early, for want of memory';
    case 'limit_reached':
      return 'decided at the limit of its age or size';
    case 'parts_forgotten':
      return 'parts that came long before may be missing';
  }
}

/** The score for a reader: `100 %` is a trace that lacks nothing that is known of. */
export function formatScore({ score }: Completeness): string {
  return `${Math.round(score * 100)} %`;
}

function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

function formatRate(rate: number): string {
  return rate >= 1000 ? Math.round(rate).toLocaleString('en') : String(Math.round(rate * 100) / 100);
}
