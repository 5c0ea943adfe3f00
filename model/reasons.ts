/**
 * The closed lists of why something was rejected, dropped or decided. Counters in `/metrics` are generated
 * from them, so nothing can be lost for a reason that has no counter.
 */

/** Why a span was refused at the door. It was never acknowledged. */
export const REJECTION_REASONS = [
  'invalid_trace_id',
  'invalid_span_id',
  'invalid_parent_span_id',
  'invalid_time',
  'malformed_span',
  'span_too_large',
  'resource_too_large',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** Why the edge left an attribute, event or link out of a span, resource or scope. Their dropped counts say how many. */
export const REMOVAL_REASONS = [
  'too_many_attributes',
  'too_many_events',
  'too_many_links',
  'too_many_keys',
  'key_too_long',
  'rule',
] as const;
export type RemovalReason = (typeof REMOVAL_REASONS)[number];

/** Why a whole request to a way in was refused; its spans could not be counted. */
export const REQUEST_REJECTION_REASONS = [
  'bad_request',
  'unauthorized',
  'wrong_origin',
  'not_found',
  'method_not_allowed',
  'upgrade_required',
  'unsupported_media_type',
  'unsupported_encoding',
  'body_too_large',
  'malformed_body',
  'overloaded',
  'key_limit',
  'unavailable',
] as const;
export type RequestRejectionReason = (typeof REQUEST_REJECTION_REASONS)[number];

/** Why a page lost a span before it was sent. Carried to the edge with each batch. */
export const CLIENT_DROP_REASONS = [
  'ring_full',
  'span_too_large',
  'exit_budget',
  'offline_cap',
  'rejected',
  'not_sampled',
  'encode_failed',
  'pressure',
] as const;
export type ClientDropReason = (typeof CLIENT_DROP_REASONS)[number];

/**
 * What else a page counts and tells with each batch. `recorded`: spans that ended. The others count versions of spans, which a span that
 * is sent while it is open has more than one of. `sent`: in a request. `retried`: in a request that had failed before. `saved`: stored
 * in the browser because the edge could not be reached.
 */
export const CLIENT_COUNTS = ['recorded', 'sent', 'retried', 'saved'] as const;
export type ClientCount = (typeof CLIENT_COUNTS)[number];

/** Why the SDK in a Worker lost a span. Told to the edge in the header `tailrace-lost-spans` of the next export. */
export const WORKER_DROP_REASONS = ['too_many_spans', 'rejected', 'unreachable', 'encode_failed', 'pressure'] as const;
export type WorkerDropReason = (typeof WORKER_DROP_REASONS)[number];

/** Why a trace was kept or dropped at the tail: what the rule looks for, or how it chose. */
export const DECISION_REASONS = [
  'always',
  'error',
  'status',
  'slow',
  'slow_for_operation',
  'sla',
  'critical',
  'operation',
  'attribute',
  'span_count',
  'trace_flags',
  'trace_state',
  'rare_edge',
  'no_match',
  'coverage',
  'probability',
  'throughput',
  'rate_limit',
  'byte_limit',
  'manual',
  'not_sampled',
  'over_limit',
  'drop_rule',
  'erased',
] as const;
export type DecisionReason = (typeof DECISION_REASONS)[number];
/** By chance or because no rule picked it, beyond a limit, by a rule that drops, by hand. */
export type DropReason = Extract<DecisionReason, 'not_sampled' | 'over_limit' | 'drop_rule' | 'erased'>;
export type KeepReason = Exclude<DecisionReason, DropReason>;
