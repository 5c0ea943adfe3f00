/** The constants of the batch format, shared by its encoder and decoder. Described in `docs/wire-format.md`. */

/** "TRLB". */
export const MAGIC = [0x54, 0x52, 0x4c, 0x42] as const;
export const VERSION = 1;
/** Magic, version and flags: never compressed. */
export const HEADER_BYTES = 6;

/** Bits of the header's flags. */
export const DEFLATED = 1;
export const GOODBYE = 2;
export const HAS_UNSAMPLED = 4;

/** A counter: no more of them, or the number of its reason in `CLIENT_DROP_REASONS` or its name in `CLIENT_COUNTS` after these. */
export const LOSS_END = 0;
export const LOSS_REASON = 1;
export const LOSS_COUNT = 33;

/** A span's trace: no more spans, a trace that follows, or the trace of that number after these two. */
export const TRACE_END = 0;
export const TRACE_NEW = 1;
export const TRACE_KNOWN = 2;

/** A span's parent: none, an id that follows, or a span before this one, at a distance of that less one. */
export const PARENT_NONE = 0;
export const PARENT_LITERAL = 1;
export const PARENT_BACK = 1;

/** Bits of a span body's head: the low three are its kind, then the status, then whether there are extras. */
export const STATUS_SHIFT = 3;
export const HAS_EXTRAS = 32;

/** A string: one that follows, a string of the table with one that follows appended, or one of the table. */
export const STRING_INLINE = 0;
export const STRING_PREFIXED = 1;
export const STRING_TABLE = 2;

/** Types of a value. */
export const VALUE_STRING = 0;
export const VALUE_TRUE = 1;
export const VALUE_FALSE = 2;
export const VALUE_UINT = 3;
export const VALUE_NEGATIVE = 4;
export const VALUE_DOUBLE = 5;
export const VALUE_ARRAY = 6;

/** A batch after inflating. A page's whole ring and its strings fit, which is what a page may have to store for later. */
export const MAX_BATCH_BYTES = 1_200_000;
/** All strings of a batch with every use counted: references must not turn bytes into a bomb. */
export const MAX_BATCH_TEXT_BYTES = 8 * 1024 * 1024;
