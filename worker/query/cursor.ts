/**
 * The cursor of a search: everything the next page needs, so that nobody else has to remember it. It is text that no client has reason
 * to look into; its first number is the version of its format.
 */

import { crc32 } from 'node:zlib';
import { MAX_SHARDS } from '../../model/limits.ts';
import {
  SEARCH_ORDERS,
  type SearchOrder,
  type TraceConditions,
  type TraceSearch,
} from '../../model/query/conditions.ts';
import type { SortKey } from '../../store/store.ts';
import { HttpError } from '../errors.ts';

const VERSION = 1;

/** The lists that the first page's search has frozen in the shards. */
export interface ShardLists {
  readonly id: number;
  /** Shards whose list has something in it. */
  readonly shards: readonly number[];
  /** So many shards had the traces, each those of its slots; null where the table was changing, and any may have had any. */
  readonly owners: number | null;
}

export interface SearchCursor {
  /** The pages before ended with it. */
  readonly after: SortKey;
  readonly startUs: number;
  readonly endUs: number;
  readonly order: SearchOrder;
  readonly lists: ShardLists;
  /** The store's. */
  readonly snapshot: string;
  /** Of the conditions (`printOf`). */
  readonly print: number;
}

type Fields = [
  version: number,
  place: [startUs: number, durationUs: number, traceId: string],
  startUs: number,
  endUs: number,
  order: number,
  id: number,
  shards: number[],
  owners: number | null,
  snapshot: string,
  print: number,
];

export function formatCursor({ after, startUs, endUs, order, lists, snapshot, print }: SearchCursor): string {
  const { traceId, durationUs } = after;
  const { id, shards, owners } = lists;
  const number = SEARCH_ORDERS.indexOf(order);
  const place: Fields[1] = [after.startUs, durationUs, traceId];
  const fields: Fields = [VERSION, place, startUs, endUs, number, id, [...shards], owners, snapshot, print];
  const text = JSON.stringify(fields);
  return Buffer.from(checksumOf(text) + text).toString('base64url');
}

/** @throws HttpError 400 `bad_cursor` */
export function parseCursor(text: string): SearchCursor {
  const decoded = Buffer.from(text, 'base64url').toString();
  const fields = decoded.slice(CHECKSUM_CHARS);
  if (!/^[\w-]+$/.test(text) || decoded.slice(0, CHECKSUM_CHARS) !== checksumOf(fields)) {
    throw badCursor('is not one that this API gave out');
  }
  const cursor = readFields(fields);
  if (!cursor) throw badCursor('is of another version: search again from the first page');
  return cursor;
}

/** null where they are not as this version writes them: whoever knows how to make a checksum can send anything. */
function readFields(text: string): SearchCursor | null {
  const fields = parseJson(text);
  if (!Array.isArray(fields) || fields[0] !== VERSION || !Array.isArray(fields[1])) return null;
  const [, place, startUs, endUs, order, id, shards, owners, snapshot, print] = fields as Fields;
  const [afterUs, durationUs, traceId] = place;
  const isRight =
    [afterUs, durationUs, startUs, endUs, id, print].every(isCount) &&
    typeof traceId === 'string' &&
    SEARCH_ORDERS[order] !== undefined &&
    Array.isArray(shards) &&
    [...shards, ...(owners === null ? [] : [owners])].every((shard) => isCount(shard) && shard <= MAX_SHARDS) &&
    typeof snapshot === 'string';
  if (!isRight) return null;
  const after = { startUs: afterUs, durationUs, traceId };
  return { after, startUs, endUs, order: SEARCH_ORDERS[order]!, lists: { id, shards, owners }, snapshot, print };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A number that is another for other conditions. */
export function printOf(conditions: TraceConditions): number {
  const { service, operation, rootService, rootOperation, minDurationUs, maxDurationUs, status } = conditions;
  const attributes = conditions.attributes.map(({ on, key, test }) => {
    const values = test.operator === 'in' ? test.values : test.operator === 'exists' ? [] : [test.value];
    return [on, key, test.operator, ...values];
  });
  const all = [service, operation, rootService, rootOperation, minDurationUs, maxDurationUs, status, attributes];
  return crc32(JSON.stringify(all, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));
}

/** A cursor goes on with its own search alone. @throws HttpError 400 `bad_cursor` */
export function checkCursor(cursor: SearchCursor, search: TraceSearch): void {
  if (cursor.print !== printOf(search)) throw badCursor('is of a search with other conditions');
  if (cursor.order !== search.order) throw badCursor(`is of a search for the ${cursor.order} first`);
  if (cursor.startUs !== search.startUs || cursor.endUs !== search.endUs) {
    throw badCursor('is of a search in another range: leave start and end out, or give those of the first page');
  }
}

const CHECKSUM_CHARS = 8;

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(CHECKSUM_CHARS, '0');
}

function badCursor(what: string): HttpError {
  return new HttpError(400, 'bad_cursor', `cursor ${what}`);
}
