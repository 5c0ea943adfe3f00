/** The terms that a block cannot do without if one of its traces is to match. */

import type { AttributeCondition, TraceConditions } from '../../model/query/conditions.ts';
import { toSearchValue } from '../../model/query/value.ts';
import type { AnyTerm } from '../d1-find-blocks.ts';
import { attributeTerm, operationTerm, serviceTerm, type Term } from '../term.ts';

/** What spans and resources without such a name, or with something else as their name, count as too. */
const UNSURE_NAMES: ReadonlySet<string> = new Set(['', 'unknown_service']);
/** What numbers count as too. */
const UNSURE_TEXTS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);

/** Of each condition for which they can be told, the terms of which a block needs one. */
export function neededTerms({
  service,
  operation,
  rootService,
  rootOperation,
  attributes,
}: TraceConditions): AnyTerm[] {
  const needed: AnyTerm[] = [];
  for (const [name, of] of [
    [service, operation],
    [rootService, rootOperation],
  ]) {
    if (name === undefined || UNSURE_NAMES.has(name)) continue;
    needed.push([of ? operationTerm(name, of) : serviceTerm(name)]);
  }
  return [...needed, ...attributes.map(termsOf).filter((terms) => terms.length > 0)];
}

function termsOf({ on, key, test }: AttributeCondition): Term[] {
  if (test.operator !== '=') return [];
  const { value } = test;
  if (typeof value === 'bigint' || (typeof value === 'string' && isUnsure(value))) return [];
  const kinds = on === 'span' || on === 'resource' ? [on] : (['span', 'resource'] as const);
  return kinds.flatMap((kind) => {
    const term = attributeTerm(kind, key, value);
    return typeof value === 'number' ? [term, attributeTerm(kind, key, value, true)] : [term];
  });
}

function isUnsure(text: string): boolean {
  return UNSURE_TEXTS.has(text) || typeof toSearchValue(text) === 'bigint';
}
