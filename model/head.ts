/** What a shard is told of each span: 44 bytes, little-endian, so that neither side makes an object for a span. */

/** One span's head. */
export const HEAD_BYTES = 44;
/** Where the fields of a head are. */
export const HEAD = {
  /** 8 bytes. */
  spanId: 0,
  /** 8 bytes, zeros where there is no parent. */
  parentSpanId: 8,
  /** f64, microseconds since the epoch. */
  startUs: 16,
  /** f64, microseconds since the epoch; 0 while the span is open. */
  endUs: 24,
  /** u16, index into the operations. */
  operation: 32,
  /** u8: the span's kind, 0 to 5 as in OTLP, in the bits of `KIND_BITS`; `IS_ERROR`; `IS_PAGE`. */
  bits: 34,
  /** f32: how many spans this one stands for, 1/p where its sender sent only what it sampled with probability p, else 1. */
  weight: 36,
  /** u32: size of the Span message, which chooses between versions of a span. */
  bytes: 40,
} as const;

export const KIND_BITS = 7;
/** Status code ERROR. */
export const IS_ERROR = 8;
/** Taken in under a page's key. */
export const IS_PAGE = 16;
/** Flag of a slice's heads: the trace's randomness follows. */
export const HAS_RV = 1;
/** Flag of a slice's heads: the trace would have come whether its head sampled it or not. */
export const IS_CERTAIN = 2;
