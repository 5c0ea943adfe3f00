/** Limits of the tail's rules and of what they remember. A rule that has reached its limit learns no more, and keeps no more for it. */

/** Rules in a configuration, members of one rule, and values listed in one. */
export const MAX_RULES = 100;
export const MAX_MEMBERS = 32;
export const MAX_VALUES = 1_000;
export const MAX_TEXT_CHARS = 1_024;
/** Policies of a configuration that keep tables of what they saw; each may take a few megabytes of a shard. */
export const MAX_LEARNING_POLICIES = 8;
/** How much of a value a pattern is tried on. */
export const MAX_MATCHED_CHARS = 1_024;
/** Operations whose latency a rule learns; each has two histograms of 1.2 KB. */
export const MAX_LEARNED_OPERATIONS = 1_000;
/** Services or operations that one coverage rule counts in a minute. */
export const MAX_COVERED_KEYS = 2_000;
/** Service-to-service edges that one rule counts in a window. */
export const MAX_COUNTED_EDGES = 2_000;
/** Answers remembered by operation, before they are worked out anew. */
export const MAX_REMEMBERED_OPERATIONS = 20_000;
/** The text of one key of a throughput rule. */
export const MAX_KEY_CHARS = 512;
