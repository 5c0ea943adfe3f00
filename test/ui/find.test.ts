import { describe, expect, it } from 'vitest';
import { buildTree } from '../../model/tree.ts';
import { findSpans, formatValue, nextMatch } from '../../ui/logic/find.ts';
import { span } from './spans.ts';

const tree = buildTree([
  span('a', null, { name: 'POST /checkout', startUs: 1 }),
  span('b', 'a', {
    name: 'charge',
    attributes: { 'http.response.status_code': 502, 'card.brand': 'Visa' },
    startUs: 2,
  }),
  span('c', 'a', {
    name: 'reserve',
    startUs: 3,
    status: { code: 'error', message: 'Out of stock' },
    events: [{ name: 'exception', timeUs: 4, attributes: { 'exception.type': 'StockError' } }],
    resource: { attributes: { 'service.name': 'inventory' } },
  }),
]);

describe('findSpans', () => {
  it.each([
    ['CHECKOUT', [0]],
    ['status_code=502', [1]],
    ['card.brand=visa charge', [1]],
    ['out of stock', [2]],
    ['stockerror', [2]],
    ['service.name=inventory', [2]],
    ['service.name=shop', [0, 1]],
    ['e', [0, 1, 2]],
    ['charge inventory', []],
  ])('%j is in %j', (text, nodes) => {
    expect(findSpans(tree, text)).toEqual(nodes);
  });

  it('is null when there is nothing to look for', () => {
    expect(findSpans(tree, '  ')).toBeNull();
  });
});

describe('nextMatch', () => {
  it('goes around both ends', () => {
    expect(nextMatch([2, 5, 9], 5, 1)).toBe(9);
    expect(nextMatch([2, 5, 9], 9, 1)).toBe(2);
    expect(nextMatch([2, 5, 9], 3, -1)).toBe(2);
    expect(nextMatch([2, 5, 9], 2, -1)).toBe(9);
    expect(nextMatch([], 0, 1)).toBeNull();
  });
});

describe('formatValue', () => {
  it.each([
    ['text "as is"', 'text "as is"'],
    [502, '502'],
    [false, 'false'],
    [null, 'null'],
    [['a', 1], '["a",1]'],
    [{ bytes: 'AAE=' }, 'base64:AAE='],
    [{ bytes: 'AAE=', more: 1 }, '{"bytes":"AAE=","more":1}'],
  ])('%j is %s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });
});
