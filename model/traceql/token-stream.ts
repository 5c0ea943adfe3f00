/** The tokens of a query one after the other, with Tempo's errors for those that do not fit. */

import { MAX_TRACEQL_DEPTH, MAX_TRACEQL_OPERATORS } from '../limits.ts';
import { tokenize } from './tokenizer.ts';
import { nameOf, type Token } from './tokens.ts';
import { TraceQLError, TraceQLParseError } from './traceql-error.ts';

/** Tempo's parser tells what would fit where it is that many things at most. */
const MAX_EXPECTED = 4;

export class TokenStream {
  private readonly text: string;
  private readonly tokens: readonly Token[];
  private position = 0;
  private operators = 0;
  private depth = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = tokenize(text);
  }

  get next(): Token {
    return this.tokens[this.position]!;
  }

  /** The word that is next; null where it is something else. */
  get word(): string | null {
    return this.next.type === 'word' ? this.next.text : null;
  }

  advance(): Token {
    const token = this.next;
    if (token.type === 'ERROR') throw this.fault();
    this.position++;
    return token;
  }

  /** Whether the word is next, which it is then no more. */
  take(word: string): boolean {
    if (this.word !== word) return false;
    this.position++;
    return true;
  }

  expect(word: string, ...others: readonly string[]): void {
    if (!this.take(word)) throw this.fault(word, ...others);
  }

  /** Of the words the one that is next, which it is then no more; null where it is none of them. */
  takeOf<T extends string>(words: readonly T[]): T | null {
    const found = words.find((word) => word === this.word);
    if (found !== undefined) this.position++;
    return found ?? null;
  }

  /** What parses more operators, or in deeper parentheses, than there may be ends here, and not in a stack that is full. */
  countOperator(): void {
    if (++this.operators > MAX_TRACEQL_OPERATORS) {
      throw new TraceQLError(`the query has more than ${MAX_TRACEQL_OPERATORS} operators`);
    }
  }

  nest<T>(parse: () => T): T {
    if (++this.depth > MAX_TRACEQL_DEPTH) {
      throw new TraceQLError(`the query has parentheses that are deeper than ${MAX_TRACEQL_DEPTH}`);
    }
    const parsed = parse();
    this.depth--;
    return parsed;
  }

  /** What is next does not fit. */
  fault(...expected: readonly string[]): TraceQLParseError {
    const { next: token } = this;
    const hint = expected.length > 0 && expected.length <= MAX_EXPECTED ? `, expecting ${expected.join(' or ')}` : '';
    const message = token.type === 'ERROR' ? token.text : `syntax error: unexpected ${nameOf(token)}${hint}`;
    const { line, column } = this.placeOf(token);
    return new TraceQLParseError(message, line, column);
  }

  private placeOf({ at }: Token): { line: number; column: number } {
    if (this.text === '') return { line: 0, column: 0 };
    const before = this.text.slice(0, at.offset);
    const column = [...before.slice(before.lastIndexOf('\n') + 1)].length + 1;
    return { line: at.joined ? 0 : before.split('\n').length, column };
  }
}
