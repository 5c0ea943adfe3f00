/** What can be wrong with a query line. A closed list. */
export type QueryFault =
  | 'too_long'
  | 'too_many'
  | 'no_key'
  | 'no_operator'
  | 'bad_operator'
  | 'no_value'
  | 'bad_value'
  | 'no_space'
  | 'unclosed'
  | 'bad_character'
  | 'bad_escape'
  | 'twice'
  | 'contradiction';

/** Thrown for text that is not a query line; nothing else is. The message says where, what is wrong and what would be right. */
export class QueryError extends Error {
  readonly fault: QueryFault;
  /** The place in the text, in UTF-16 units; of length 0 where something is missing. */
  readonly offset: number;
  readonly length: number;
  readonly wrong: string;
  /** What would be right there. */
  readonly want: string;

  constructor(fault: QueryFault, offset: number, length: number, wrong: string, want: string) {
    super(`at character ${offset + 1}: ${wrong}; want ${want}`);
    this.name = 'QueryError';
    this.fault = fault;
    this.offset = offset;
    this.length = length;
    this.wrong = wrong;
    this.want = want;
  }
}

/** Text of a query as a message shows it. */
export function quoteBriefly(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
