/**
 * Cuts a TraceQL query into tokens, as Tempo's lexer does: what Go's scanner takes for an identifier, a number, a string or a
 * comment, then the longest operator, and after a prefix such as `span.` a name up to what cannot be part of one.
 */

import { parseDuration } from './go-duration.ts';
import { ATTRIBUTE_PREFIXES, type Place, type Token, WORDS } from './tokens.ts';

const SPACE_AND_COMMENTS = /(?:[ \t\r\n]+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const IDENTIFIER = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const NUMBER = /(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?/y;
const DURATION_REST = /[\d.nsumhµdwy]+/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const RAW_STRING = /`[^`]*`/y;
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|([\s\S]))/g;
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"' },
};
/** A part of a name in quotes, and one with an escape that it may not have. */
const QUOTED_PART = /"(?:[^"\\]|\\["\\])*"/y;
const BAD_PART = /"(?:[^"\\]|\\["\\])*\\[^"\\]/y;
const ENDS_NAME = /[\s{}()=~!<>&|^,]/u;
/** Of these only the first has parts of another name behind it. */
const INNER_SCOPES = ['resource.', 'span.'];

/** Ends with `$end`, or with what cannot be a token. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  for (;;) {
    offset += matchAt(SPACE_AND_COMMENTS, text, offset)!.length;
    if (offset >= text.length) return [...tokens, { type: 'word', text: '$end', at: at(offset) }];
    const token = readToken(text, offset);
    tokens.push(token.token);
    if (token.token.type === 'ERROR') return tokens;
    offset = token.end;
    if (token.token.type !== 'word' || !ATTRIBUTE_PREFIXES.includes(token.token.text)) continue;
    offset = readAttribute(text, offset, token.token, tokens);
    if (tokens.at(-1)!.type === 'ERROR') return tokens;
  }
}

interface Read {
  readonly token: Token;
  readonly end: number;
}

function readToken(text: string, offset: number): Read {
  const number = matchAt(NUMBER, text, offset);
  if (number !== null) return readNumber(text, offset, number);
  const first = text[offset]!;
  if (first === '"' || first === '`') return readString(text, offset, first);
  const identifier = matchAt(IDENTIFIER, text, offset);
  const start = identifier ?? String.fromCodePoint(text.codePointAt(offset)!);
  let end = offset + start.length;
  while (end < text.length && WORDS.has(text.slice(offset, end + 1))) end++;
  const word = text.slice(offset, end);
  const place = { offset, joined: end > offset + start.length };
  return { token: { type: WORDS.has(word) ? 'word' : 'IDENTIFIER', text: word, at: place }, end };
}

/** A number, and a duration where a unit follows at once. */
function readNumber(text: string, offset: number, number: string): Read {
  const end = offset + number.length;
  const rest = matchAt(DURATION_REST, text, end);
  const duration = rest === null ? null : parseDuration(number + rest);
  if (duration !== null) {
    return { token: { type: 'DURATION', value: duration, at: { offset, joined: true } }, end: end + rest!.length };
  }
  const type = /^\d+$/.test(number) ? 'INTEGER' : 'FLOAT';
  return { token: { type, value: Number(number), at: at(offset) }, end };
}

function readString(text: string, offset: number, quote: string): Read {
  const string = matchAt(quote === '"' ? STRING : RAW_STRING, text, offset);
  if (string === null) return error(offset, 'literal not terminated');
  const inside = string.slice(1, -1);
  const value = quote === '"' ? decodeEscapes(inside) : inside.replaceAll('\r', '');
  if (value === null) return error(offset, 'invalid char escape');
  return { token: { type: 'STRING', text: value, at: at(offset) }, end: offset + string.length };
}

/** null where there is an escape that Go does not know. */
function decodeEscapes(text: string): string | null {
  let isKnown = true;
  const value = text.replace(ESCAPE, (_, hex2, hex4, hex8, octal, letter: string) => {
    const digits = hex2 ?? hex4 ?? hex8;
    const code =
      digits === undefined ? (octal === undefined ? null : Number.parseInt(octal, 8)) : Number.parseInt(digits, 16);
    isKnown &&= code === null ? Object.hasOwn(ESCAPES, letter) : code <= 0x10ffff;
    if (!isKnown) return '';
    return code === null ? ESCAPES[letter]! : String.fromCodePoint(code);
  });
  return isKnown ? value : null;
}

/** The name behind a prefix, and what ends it; of `parent.` perhaps another prefix first. */
function readAttribute(text: string, offset: number, prefix: Token, tokens: Token[]): number {
  const { at: place } = prefix;
  let end = offset;
  if (prefix.type === 'word' && prefix.text === 'parent.') {
    const inner = INNER_SCOPES.find((scope) => text.startsWith(scope, end));
    if (inner !== undefined) {
      tokens.push({ type: 'word', text: inner, at: { ...place, joined: true } });
      end += inner.length;
    }
  }
  const start = end;
  let name = '';
  while (end < text.length && !ENDS_NAME.test(text[end]!)) {
    if (text[end] !== '"') {
      name += text[end++];
      continue;
    }
    const part = matchAt(QUOTED_PART, text, end);
    if (part === null) {
      const fault = matchAt(BAD_PART, text, end) === null ? 'unexpected EOF, expecting "' : 'invalid escape sequence';
      tokens.push({ type: 'ERROR', text: fault, at: { ...place, joined: true } });
      return end;
    }
    name += part.slice(1, -1).replace(/\\(["\\])/g, '$1');
    end += part.length;
  }
  const behind: Place = { ...place, joined: place.joined || end > offset };
  if (end > start) tokens.push({ type: 'IDENTIFIER', text: name, at: behind });
  tokens.push({ type: 'word', text: 'END_ATTRIBUTE', at: behind });
  return end;
}

function error(offset: number, text: string): Read {
  return { token: { type: 'ERROR', text, at: at(offset) }, end: offset };
}

function at(offset: number): Place {
  return { offset, joined: false };
}

function matchAt(pattern: RegExp, text: string, offset: number): string | null {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0] ?? null;
}
