/** Thrown for text that is not a TraceQL query that can be answered; nothing else is. The message is Tempo's. */
export class TraceQLError extends Error {
  override readonly name = 'TraceQLError';
}

/**
 * What does not parse, and where. Both are Tempo's, oddities included: a token that its scanner puts together from several
 * pieces is on line 0, and where nothing at all was read there is no place.
 */
export class TraceQLParseError extends TraceQLError {
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    const place = line === 0 && column === 0 ? ' ' : ` at line ${line}, col ${column}`;
    super(`parse error${place}: ${message}`);
    this.line = line;
    this.column = column;
  }
}
