/** What keeps a trace's row under D1's 2 MB, whatever its spans are called. */

/** Services a summary names. */
export const MAX_SERVICES_PER_SUMMARY = 128;

/**
 * Different values of one key in one block; a block holds a thousand traces, so what is different for each trace has all its
 * values in, and what is different for each span does not.
 */
export const MAX_VALUES_PER_KEY = 2_048;
/** Terms in one block: 40 KB of bloom filter. */
export const MAX_TERMS_PER_BLOCK = 32_768;

/** How long a trace that was erased cannot come back. */
export const TOMBSTONE_DAYS = 30;
/** How long a search can go on over what there was when it began. */
export const SNAPSHOT_MS = 3_600_000;
/** One message of an export. */
export const MAX_EXPORT_BYTES = 8 * 1024 * 1024;
/** Objects left behind by a crash go when nobody can be using them any more. */
export const GARBAGE_MS = 3_600_000;
/** Rows of holds, tombstones, garbage and statistics that one step of expiry removes of each. */
export const MAX_HOUSEKEEPING_ROWS = 500;
/** Small rows that come with every late part: thirty a second, where there is one step in ten minutes. */
export const MAX_REMOVED_CHANGES = 20_000;
/** Rounds against others that change the same rows at the same time; each round lost is one that another one won. */
export const MAX_ROUNDS = 8;

/** Periods that statistics are rolled up over, the longest first; each is a multiple of the next. */
export const ROLL_UP_LENGTHS_MS = [86_400_000, 3_600_000, 600_000] as const;
