/** What is wrong with the bytes of a segment. */
export type SegmentFault =
  | 'too_short'
  | 'bad_magic'
  | 'unknown_version'
  | 'bad_length'
  | 'bad_index'
  | 'bad_terms'
  | 'too_large'
  | 'bad_frame'
  | 'bad_checksum';

/** Bytes that are not the segment, or the stretch of one, that they should be. */
export class SegmentError extends Error {
  readonly fault: SegmentFault;

  constructor(fault: SegmentFault, detail: string, options?: ErrorOptions) {
    super(`segment: ${fault.replaceAll('_', ' ')}: ${detail}`, options);
    this.name = 'SegmentError';
    this.fault = fault;
  }
}
