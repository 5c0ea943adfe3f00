/** Why bytes are not a batch. A closed list; the message adds the field and the offset. */
export const BATCH_ERROR_CODES = [
  'bad_magic',
  'bad_version',
  'bad_flags',
  'compressed',
  'too_large',
  'truncated',
  'bad_varint',
  'bad_utf8',
  'bad_reference',
  'bad_value',
  'trailing_bytes',
] as const;
export type BatchErrorCode = (typeof BATCH_ERROR_CODES)[number];

/** Thrown for bytes that are not a batch of a known version. */
export class BatchError extends Error {
  readonly code: BatchErrorCode;
  /** Where the fault is: in the request's bytes while the header is read, in the inflated payload after that. */
  readonly offset: number;

  constructor(code: BatchErrorCode, offset: number, message: string) {
    super(`${message} at byte ${offset}`);
    this.name = 'BatchError';
    this.code = code;
    this.offset = offset;
  }
}
