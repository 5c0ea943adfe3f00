/** Why bytes are not a statistics row. A closed list; the message adds the field and the offset. */
export type StatisticsRowFault =
  | 'too_large'
  | 'bad_magic'
  | 'unknown_version'
  | 'truncated'
  | 'bad_varint'
  | 'bad_utf8'
  | 'bad_order'
  | 'bad_reference'
  | 'bad_value'
  | 'trailing_bytes';

/** Thrown for bytes that are not a statistics row, or not a statistics state, of a known version. */
export class StatisticsRowError extends Error {
  readonly fault: StatisticsRowFault;
  /** Where in the bytes the fault was noticed. */
  readonly offset: number;

  constructor(fault: StatisticsRowFault, offset: number, detail: string) {
    super(`statistics: ${fault.replaceAll('_', ' ')}: ${detail} at byte ${offset}`);
    this.name = 'StatisticsRowError';
    this.fault = fault;
    this.offset = offset;
  }
}
