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

/** Bits of a span's head byte; the low three are its kind. */
export const KIND_MASK = 7;
export const ENDED = 8;
export const SAME_TRACE = 16;
export const PARENT_IN_BATCH = 32;
export const PARENT_LITERAL = 64;
export const HAS_EXTRAS = 128;

/** Bits of a span's extras byte. */
export const EXTRA_STATUS = 1;
export const EXTRA_EVENTS = 2;
export const EXTRA_LINKS = 4;
export const EXTRA_DROPPED = 8;
export const EXTRA_TRACE_STATE = 16;
export const EXTRA_SCOPE = 32;
export const EXTRA_FLAGS = 64;

/** Types of a value; an attribute's key and type share a varint. */
export const VALUE_STRING = 0;
export const VALUE_TRUE = 1;
export const VALUE_FALSE = 2;
export const VALUE_UINT = 3;
export const VALUE_NEGATIVE = 4;
export const VALUE_DOUBLE = 5;
export const VALUE_ARRAY = 6;
export const VALUE_TYPES = 8;

/** A batch after inflating. The SDK sends at most a tenth of this. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** All strings of a batch with every use counted: shared prefixes and references must not turn bytes into a bomb. */
export const MAX_BATCH_TEXT_BYTES = 8 * 1024 * 1024;
