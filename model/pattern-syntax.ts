/**
 * The regular expressions that a configuration or a query may use: JavaScript's, without what needs backtracking (references and
 * lookaround) and without word boundaries. Everything accepted means what it means in JavaScript.
 */

import { MAX_PATTERN_DEPTH } from './limits.ts';

/** Pairs of first and last UTF-16 units. */
export type Ranges = readonly number[];

export type PatternNode =
  | { readonly kind: 'unit'; readonly ranges: Ranges }
  | { readonly kind: 'begin' | 'end' }
  | { readonly kind: 'sequence' | 'either'; readonly nodes: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly node: PatternNode; readonly min: number; readonly max: number };

/** The pattern cannot be used; the message says why. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

const LAST_UNIT = 0xffff;
const DIGIT: Ranges = [0x30, 0x39];
const WORD: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const LINE_ENDS: Ranges = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029];
const SPACE: Ranges = [
  ...[0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff],
];
const CLASSES: Readonly<Record<string, Ranges>> = {
  d: DIGIT,
  D: invert(DIGIT),
  w: WORD,
  W: invert(WORD),
  s: SPACE,
  S: invert(SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d };
const DOT = invert(LINE_ENDS);

/** Throws PatternError. */
export function parsePattern(source: string): PatternNode {
  const parser = new PatternParser(source);
  const node = parser.either(0);
  if (!parser.atEnd) throw parser.fault('there is a ) without (');
  return node;
}

class PatternParser {
  private readonly source: string;
  private at = 0;

  constructor(source: string) {
    this.source = source;
  }

  get atEnd(): boolean {
    return this.at >= this.source.length;
  }

  fault(message: string): PatternError {
    return new PatternError(`${message}, at character ${this.at + 1} of the pattern`);
  }

  either(depth: number): PatternNode {
    if (depth > MAX_PATTERN_DEPTH) throw this.fault(`groups are nested deeper than ${MAX_PATTERN_DEPTH}`);
    const nodes = [this.sequence(depth)];
    while (this.take('|')) nodes.push(this.sequence(depth));
    return nodes.length === 1 ? nodes[0]! : { kind: 'either', nodes };
  }

  private sequence(depth: number): PatternNode {
    const nodes: PatternNode[] = [];
    while (!this.atEnd && this.peek() !== '|' && this.peek() !== ')') nodes.push(this.repeat(depth));
    return { kind: 'sequence', nodes };
  }

  private repeat(depth: number): PatternNode {
    const node = this.atom(depth);
    const times = this.quantifier();
    if (!times) return node;
    if (node.kind === 'begin' || node.kind === 'end') throw this.fault('^ and $ cannot be repeated');
    this.take('?');
    if (this.quantifier()) throw this.fault('there is nothing to repeat');
    return { kind: 'repeat', node, ...times };
  }

  private quantifier(): { min: number; max: number } | null {
    if (this.take('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.take('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.take('?')) return { min: 0, max: 1 };
    if (this.peek() !== '{') return null;
    const braces = /^\{(\d{1,5})(,(\d{1,5})?)?\}/.exec(this.source.slice(this.at, this.at + 14));
    if (!braces) throw this.fault('{ begins a number of times like {2,5}; write \\{ for the character');
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === undefined ? Number.POSITIVE_INFINITY : Number(braces[3]);
    if (max < min) throw this.fault('a number of times ends before it begins');
    this.at += braces[0].length;
    return { min, max };
  }

  private atom(depth: number): PatternNode {
    const char = this.next();
    switch (char) {
      case '^':
        return { kind: 'begin' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'unit', ranges: DOT };
      case '[':
        return { kind: 'unit', ranges: this.set() };
      case '\\':
        return { kind: 'unit', ranges: this.escape() };
      case '(': {
        if (this.take('?') && !this.take(':')) throw this.fault('of the groups that begin with (? only (?: is known');
        const node = this.either(depth + 1);
        if (!this.take(')')) throw this.fault('a ( is not closed');
        return node;
      }
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.fault('there is nothing to repeat');
      case ']':
      case '}':
        throw this.fault(`write \\${char} for the character ${char}`);
      default:
        return { kind: 'unit', ranges: one(char.charCodeAt(0)) };
    }
  }

  private set(): Ranges {
    const isInverted = this.take('^');
    const ranges: number[] = [];
    while (!this.take(']')) {
      const first = this.member();
      if (this.peek() === '-' && this.source[this.at + 1] !== ']') {
        this.at++;
        const last = this.member();
        if (!isOne(first) || !isOne(last)) throw this.fault('a range needs a character at each end');
        if (last[0]! < first[0]!) throw this.fault('a range ends before it begins');
        ranges.push(first[0]!, last[0]!);
      } else {
        ranges.push(...first);
      }
    }
    if (ranges.length === 0) throw this.fault('a set of characters is empty');
    return isInverted ? invert(ranges) : ranges;
  }

  private member(): Ranges {
    if (this.atEnd) throw this.fault('a [ is not closed');
    const char = this.next();
    return char === '\\' ? this.escape() : one(char.charCodeAt(0));
  }

  private escape(): Ranges {
    if (this.atEnd) throw this.fault('there is nothing after \\');
    const char = this.next();
    if (Object.hasOwn(CLASSES, char)) return CLASSES[char]!;
    if (Object.hasOwn(CONTROLS, char)) return one(CONTROLS[char]!);
    if (char === 'x') return this.hex(2);
    if (char === 'u') return this.hex(4);
    if (/[A-Za-z0-9]/.test(char)) throw this.fault(`\\${char} is not known here`);
    return one(char.charCodeAt(0));
  }

  private hex(length: number): Ranges {
    const digits = this.source.slice(this.at, this.at + length);
    if (digits.length < length || !/^[0-9a-fA-F]+$/.test(digits)) throw this.fault(`${length} hex digits are missing`);
    this.at += length;
    return one(Number.parseInt(digits, 16));
  }

  private peek(): string | undefined {
    return this.source[this.at];
  }

  private next(): string {
    return this.source[this.at++]!;
  }

  private take(char: string): boolean {
    if (this.peek() !== char) return false;
    this.at++;
    return true;
  }
}

function one(unit: number): Ranges {
  return [unit, unit];
}

function isOne(ranges: Ranges): boolean {
  return ranges.length === 2 && ranges[0] === ranges[1];
}

function invert(ranges: Ranges): Ranges {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!]);
  pairs.sort(([a], [b]) => a - b);
  const inverted: number[] = [];
  let from = 0;
  for (const [first, last] of pairs) {
    if (first > from) inverted.push(from, first - 1);
    from = Math.max(from, last + 1);
  }
  if (from <= LAST_UNIT) inverted.push(from, LAST_UNIT);
  return inverted;
}
