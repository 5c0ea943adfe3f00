/** Conditions as stretches of keys: a trace passes a clause when it has a term in any of its ranges, and must pass all clauses. */

import type { AttributeCondition, Place, TraceConditions } from '../../model/query/conditions.ts';
import { type KeyRange, keyRanges } from '../../model/query/index-key.ts';
import { attributeKey, KINDS, type Kind, MAX_ATTRIBUTE_KEY_BYTES, nameKey, pairKey } from './term-key.ts';

/** Ranges in order of keys; none where nothing can pass. */
export type Clause = readonly KeyRange[];

const KINDS_OF: Readonly<Record<Place, readonly Kind[]>> = {
  any: [KINDS.span, KINDS.resource],
  span: [KINDS.span],
  resource: [KINDS.resource],
  root: [KINDS.root],
};
const NO_VALUE = new Uint8Array(0);
const encoder = new TextEncoder();

/** The clauses of all conditions but those on duration and status. */
export function toClauses({ service, operation, rootService, rootOperation, attributes }: TraceConditions): Clause[] {
  const clauses: Clause[] = [];
  if (service !== undefined && operation !== undefined) clauses.push([only(pairKey(service, operation))]);
  else if (service !== undefined) clauses.push([only(nameKey(KINDS.service, service))]);
  else if (operation !== undefined) clauses.push([only(nameKey(KINDS.operation, operation))]);
  if (rootService !== undefined) clauses.push([only(nameKey(KINDS.rootService, rootService))]);
  if (rootOperation !== undefined) clauses.push([only(nameKey(KINDS.rootOperation, rootOperation))]);
  return [...clauses, ...attributes.map(attributeClause)];
}

function attributeClause({ on, key, test }: AttributeCondition): Clause {
  const bytes = encoder.encode(key);
  // Keys of spans are valid Unicode: one that is not must not find what it is encoded as.
  if (bytes.length > MAX_ATTRIBUTE_KEY_BYTES || !key.isWellFormed()) return [];
  return KINDS_OF[on].flatMap((kind) => {
    if (test.operator === 'exists') return [only(attributeKey(kind, bytes, NO_VALUE))];
    return keyRanges(test).map(({ from, to }) => ({
      from: attributeKey(kind, bytes, from),
      to: attributeKey(kind, bytes, to),
    }));
  });
}

/** The range of one key. */
function only(key: Uint8Array): KeyRange {
  const to = new Uint8Array(key.length + 1);
  to.set(key);
  return { from: key, to };
}
