/** What a query line calls things. In quotes a name is always an attribute's key. */

import type { Place } from './conditions.ts';

/** Conditions that are not about an attribute. */
export const QUERY_FIELDS = ['service', 'operation', 'duration', 'status', 'root.service', 'root.operation'] as const;
export type QueryField = (typeof QUERY_FIELDS)[number];

/** What stands before the key of an attribute that must be in a certain place. */
export const PLACE_PREFIXES: Readonly<Record<Exclude<Place, 'any'>, string>> = {
  span: 'span.',
  resource: 'resource.',
  root: 'root.',
};

export function isQueryField(name: string): name is QueryField {
  return QUERY_FIELDS.some((field) => field === name);
}

/** The place that a name begins with. */
export function placeOf(name: string): Place {
  for (const [place, prefix] of Object.entries(PLACE_PREFIXES)) if (name.startsWith(prefix)) return place as Place;
  return 'any';
}

/** What stands before the key. */
export function prefixOf(place: Place): string {
  return place === 'any' ? '' : PLACE_PREFIXES[place];
}
