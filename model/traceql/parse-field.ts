/** Expressions between braces: literals, attributes, intrinsics, and operators between them. */

import { SPAN_KINDS, STATUS_CODES } from '../span.ts';
import type { BinaryOperator, Expression, Field, IntrinsicName, Scope } from './ast.ts';
import { INTRINSICS } from './ast.ts';
import type { TokenStream } from './token-stream.ts';
import { FALSE, type Literal, NIL, TRUE } from './value.ts';

/** What binds tighter is higher. `&&` and `||` bind alike, as in Tempo; only `^` is done from the right. */
const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  ...{ '&&': 1, '||': 1 },
  ...{ '=': 2, '!=': 2, '<': 2, '<=': 2, '>': 2, '>=': 2, '=~': 2, '!~': 2 },
  ...{ '+': 3, '-': 3 },
  ...{ '*': 5, '/': 5, '%': 5 },
  ...{ '^': 6 },
};
const NOT_PRECEDENCE = 4;
const MINUS_PRECEDENCE = 3;
const BINARY = Object.keys(PRECEDENCE) as readonly BinaryOperator[];

const UNSCOPED: readonly IntrinsicName[] = (Object.keys(INTRINSICS) as IntrinsicName[]).filter(
  (name) => !name.includes(':'),
);
/** What each scope has, by the word behind it. */
const SCOPED: Readonly<Record<string, Readonly<Record<string, IntrinsicName>>>> = {
  'trace:': { duration: 'traceDuration', rootName: 'rootName', rootService: 'rootServiceName', id: 'trace:id' },
  'span:': {
    ...{ duration: 'duration', name: 'name', kind: 'kind', status: 'status', statusMessage: 'statusMessage' },
    ...{ id: 'span:id', parentID: 'span:parentID', childCount: 'childCount' },
  },
  'event:': { name: 'event:name', timeSinceStart: 'event:timeSinceStart' },
  'link:': { traceID: 'link:traceID', spanID: 'link:spanID' },
  'instrumentation:': { name: 'instrumentation:name', version: 'instrumentation:version' },
};
const PREFIX_SCOPES: Readonly<Record<string, Scope>> = {
  ...{ '.': 'none', 'resource.': 'resource', 'span.': 'span', 'event.': 'event', 'link.': 'link' },
  'instrumentation.': 'instrumentation',
};

export function parseExpression(tokens: TokenStream, above = 0): Expression {
  let left = parseOperand(tokens);
  for (;;) {
    const operator = BINARY.find((word) => word === tokens.word);
    if (operator === undefined || PRECEDENCE[operator] <= above) return left;
    tokens.countOperator();
    tokens.advance();
    const right = parseExpression(tokens, PRECEDENCE[operator] - (operator === '^' ? 1 : 0));
    left = { kind: 'binary', operator, left, right };
  }
}

function parseOperand(tokens: TokenStream): Expression {
  if (tokens.take('(')) {
    const inner = tokens.nest(() => parseExpression(tokens));
    tokens.expect(')', ...BINARY);
    return inner;
  }
  const sign = tokens.takeOf(['-', '!']);
  if (sign !== null) {
    tokens.countOperator();
    const above = sign === '-' ? MINUS_PRECEDENCE : NOT_PRECEDENCE;
    const operand = tokens.nest(() => parseExpression(tokens, above));
    const isNumber = operand.kind === 'literal' && sign === '-' && 'value' in operand.literal;
    if (isNumber && typeof operand.literal.value === 'number') {
      const literal = { ...operand.literal, value: 0 - operand.literal.value } as Literal;
      return { kind: 'literal', literal };
    }
    return { kind: 'unary', operator: sign, operand };
  }
  const literal = parseLiteral(tokens);
  return literal === null ? parseField(tokens) : { kind: 'literal', literal };
}

/** null where none is next. */
export function parseLiteral(tokens: TokenStream): Literal | null {
  const { next } = tokens;
  switch (next.type) {
    case 'STRING':
      tokens.advance();
      return { type: 'string', value: next.text };
    case 'INTEGER':
    case 'FLOAT':
    case 'DURATION':
      tokens.advance();
      return { type: NUMBER_TYPES[next.type], value: next.value };
    case 'IDENTIFIER':
    case 'ERROR':
      return null;
    case 'word': {
      const literal = literalOf(next.text);
      if (literal !== null) tokens.advance();
      return literal;
    }
  }
}

const NUMBER_TYPES = { INTEGER: 'int', FLOAT: 'float', DURATION: 'duration' } as const;

function literalOf(word: string): Literal | null {
  if (word === 'true') return TRUE;
  if (word === 'false') return FALSE;
  if (word === 'nil') return NIL;
  const status = STATUS_CODES.find((code) => code === word);
  if (status !== undefined) return { type: 'status', value: status };
  const kind = SPAN_KINDS.find((name) => name === word);
  return kind === undefined ? null : { type: 'kind', value: kind };
}

/** An attribute or an intrinsic. */
export function parseField(tokens: TokenStream): Field {
  const { word } = tokens;
  const name = UNSCOPED.find((intrinsic) => intrinsic === word);
  if (name !== undefined) {
    tokens.advance();
    return { kind: 'intrinsic', name };
  }
  if (word !== null && Object.hasOwn(SCOPED, word)) {
    tokens.advance();
    const names = SCOPED[word]!;
    const found = tokens.takeOf(Object.keys(names));
    if (found === null) throw tokens.fault(...Object.keys(names));
    return { kind: 'intrinsic', name: names[found]! };
  }
  if (tokens.take('parent.')) return parseAttribute(tokens, tokens.takeOf(['resource.', 'span.']), true);
  const prefix = tokens.takeOf(Object.keys(PREFIX_SCOPES));
  if (prefix === null) throw tokens.fault();
  return parseAttribute(tokens, prefix, false);
}

function parseAttribute(tokens: TokenStream, prefix: string | null, ofParent: boolean): Field {
  const { next } = tokens;
  if (next.type !== 'IDENTIFIER') {
    throw tokens.fault('IDENTIFIER', ...(ofParent && prefix === null ? ['resource.', 'span.'] : []));
  }
  tokens.advance();
  tokens.expect('END_ATTRIBUTE');
  return { kind: 'attribute', scope: prefix === null ? 'none' : PREFIX_SCOPES[prefix]!, ofParent, name: next.text };
}
