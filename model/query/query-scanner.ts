/** Reads a query line piece by piece: words, strings in quotes, operators, and the space between. */

import { COMPARISONS, type Comparison } from './conditions.ts';
import { QueryError, quoteBriefly } from './query-error.ts';

/** A word or a string as it is meant, and where it stands. */
export interface Piece {
  readonly text: string;
  readonly isQuoted: boolean;
  readonly offset: number;
  readonly length: number;
}

const SPACE = /\s/;
const OPERATOR_CHARACTERS = '=!<>~';
/** JSON's, without `u`. */
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const UNICODE_DIGITS = 4;

export class QueryScanner {
  readonly text: string;
  position = 0;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.position >= this.text.length;
  }

  skipSpace(): void {
    while (!this.isAtEnd && SPACE.test(this.text[this.position]!)) this.position++;
  }

  /** Whether a string begins here. */
  get isAtQuote(): boolean {
    return this.text[this.position] === '"';
  }

  /** A word, empty where none begins: all up to space, a quote or an operator. */
  word(): Piece {
    const offset = this.position;
    while (!this.isAtEnd && isWordCharacter(this.text[this.position]!)) this.position++;
    return { text: this.text.slice(offset, this.position), isQuoted: false, offset, length: this.position - offset };
  }

  /** A string with JSON's escapes; a quote is here. */
  string(): Piece {
    const offset = this.position++;
    let text = '';
    for (;;) {
      const character = this.text[this.position];
      if (character === undefined) {
        throw new QueryError('unclosed', offset, this.position - offset, 'the string has no end', 'a closing "');
      }
      if (character === '"') break;
      if (character < ' ') {
        const wrong = `${JSON.stringify(character)} stands in a string as it is`;
        throw new QueryError('bad_character', this.position, 1, wrong, 'an escape such as \\n, \\t or \\u0007');
      }
      if (character === '\\') {
        text += this.escape();
      } else {
        text += character;
        this.position++;
      }
    }
    this.position++;
    return { text, isQuoted: true, offset, length: this.position - offset };
  }

  /** The operator that is here, or null where none is. */
  operator(): Comparison | null {
    const offset = this.position;
    while (!this.isAtEnd && OPERATOR_CHARACTERS.includes(this.text[this.position]!)) this.position++;
    const found = this.text.slice(offset, this.position);
    if (found === '') return null;
    const known = COMPARISONS.find((comparison) => comparison === found);
    if (known) return known;
    const wrong = `${quoteBriefly(found)} is not an operator`;
    throw new QueryError('bad_operator', offset, found.length, wrong, COMPARISONS.join(' '));
  }

  private escape(): string {
    const offset = this.position;
    const letter = this.text[offset + 1] ?? '';
    if (Object.hasOwn(ESCAPES, letter)) {
      this.position += 2;
      return ESCAPES[letter]!;
    }
    const digits = this.text.slice(offset + 2, offset + 2 + UNICODE_DIGITS);
    if (letter === 'u' && /^[\da-f]{4}$/i.test(digits)) {
      this.position += 2 + UNICODE_DIGITS;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const wrong = `${quoteBriefly(`\\${letter}`)} is not an escape`;
    const want = '\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hexadecimal digits';
    throw new QueryError('bad_escape', offset, 1 + letter.length, wrong, want);
  }
}

function isWordCharacter(character: string): boolean {
  return character !== '"' && !OPERATOR_CHARACTERS.includes(character) && !SPACE.test(character);
}
