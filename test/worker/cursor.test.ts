import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { parseQuery } from '../../model/query/parse-query.ts';
import { formatCursor, parseCursor, printOf, type SearchCursor } from '../../worker/query/cursor.ts';

const CURSOR: SearchCursor = {
  after: { startUs: 1_790_000_000_000_000, durationUs: 250, traceId: 'a'.repeat(32) },
  startUs: 0,
  endUs: Number.MAX_SAFE_INTEGER,
  order: 'slowest',
  lists: { id: Number.MAX_SAFE_INTEGER, shards: [0, 3, 255], owners: null },
  snapshot: '1795292946.45.é',
  print: 2 ** 32 - 1,
};

it('says all that the next page needs, in letters, digits, - and _', () => {
  for (const owners of [null, 4]) {
    const cursor = { ...CURSOR, lists: { ...CURSOR.lists, owners } };
    expect(formatCursor(cursor)).toMatch(/^[\w-]+$/);
    expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
  }
});

it('is refused when anything of it was changed', () => {
  const text = formatCursor(CURSOR);
  for (let i = 0; i < text.length; i++) {
    for (const other of ['A', '_', ' ', '']) {
      const changed = text.slice(0, i) + other + text.slice(i + 1);
      // The last character has bits that mean nothing.
      if (Buffer.from(changed, 'base64url').equals(Buffer.from(text, 'base64url'))) continue;
      expect(() => parseCursor(changed)).toThrow('cursor is not one that this API gave out');
    }
  }
  expect(() => parseCursor('')).toThrow('cursor is not one');
});

it('is refused when somebody made it up, checksum and all', () => {
  const fields = JSON.parse(Buffer.from(formatCursor(CURSOR), 'base64url').toString().slice(8)) as unknown[];
  const make = (made: unknown) => {
    const text = JSON.stringify(made);
    return Buffer.from(crc32(text).toString(16).padStart(8, '0') + text).toString('base64url');
  };
  expect(parseCursor(make(fields))).toEqual(CURSOR);
  for (const [i] of fields.entries()) {
    for (const wrong of ['x', -1, 0.5, [], {}, [1, 2], null]) {
      const isRight = (i === 8 && wrong === 'x') || (i === 7 && wrong === null) || (i === 6 && Array.isArray(wrong));
      const made = make(fields.with(i, wrong));
      if (isRight) parseCursor(made);
      else expect(() => parseCursor(made)).toThrow('cursor is of another version');
    }
  }
  for (const made of [[], {}, 5, 'x', null])
    expect(() => parseCursor(make(made))).toThrow('cursor is of another version');
  expect(() => parseCursor(make(fields.with(6, [257])))).toThrow('cursor is of another version');
});

it('has a print that is another for other conditions', () => {
  const lines = ['', 'a=1', 'a="1"', 'a=2', 'root.a=1', 'service=a', 'operation=a', 'duration>1ms', 'status=ok'];
  const range = { startUs: 0, endUs: 1, order: 'newest', limit: 1 } as const;
  expect(new Set(lines.map((line) => printOf({ ...parseQuery(line), ...range }))).size).toBe(lines.length);
});
