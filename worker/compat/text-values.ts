import type { ValueTest } from '../../model/query/conditions.ts';
import { parseLargeInteger } from '../../model/query/value.ts';

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** What a tag without a type asks: any value that reads so, be it text, a number or a bool. */
export function equalsText(text: string): ValueTest {
  const values: (string | number | bigint | boolean)[] = [text];
  if (text === 'true' || text === 'false') values.push(text === 'true');
  const number = NUMBER.test(text) ? Number(text) : Number.NaN;
  // Integers beyond 2^53 are text that counts as an integer anyway.
  if (Number.isFinite(number) && !isLargeInteger(text)) values.push(number === 0 ? 0 : number);
  return { operator: 'in', values };
}

function isLargeInteger(text: string): boolean {
  return /^-?\d+$/.test(text) && parseLargeInteger(text) !== null;
}
