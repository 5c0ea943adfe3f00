/** The older form of a search: each tag has to be on some span, in any case, as part of the value. */

import { MAX_QUERY_CONDITIONS } from '../../../model/limits.ts';
import type { AttributeCondition } from '../../../model/query/conditions.ts';
import type { Attributes, AttributeValue } from '../../../model/span.ts';
import type { TraceView } from '../../../model/traceql/trace-view.ts';
import type { Logfmt } from './logfmt.ts';

/** What is no attribute: by name, what each span has of it. */
const FIELDS: Readonly<Record<string, (view: TraceView, row: number) => string>> = {
  name: ({ tree }, row) => tree.spans[row]!.name,
  'status.code': ({ tree }, row) => tree.spans[row]!.status.code,
  'root.name': ({ root }) => root?.name ?? '',
  'root.service.name': ({ root }) => root?.service ?? '',
};

/** What must hold of every trace that has the tags. */
export function conditionsOfTags(tags: Logfmt): AttributeCondition[] {
  return tags
    .filter(([key]) => !Object.hasOwn(FIELDS, key))
    .slice(0, MAX_QUERY_CONDITIONS)
    .map(([key]) => ({ on: 'any', key, test: { operator: 'exists' } }));
}

export function hasTags(view: TraceView, tags: Logfmt): boolean {
  return tags.every(([key, value]) => {
    const wanted = value.toLowerCase();
    return view.tree.spans.some((span, row) => {
      if (Object.hasOwn(FIELDS, key)) return FIELDS[key]!(view, row).toLowerCase().includes(wanted);
      return [span.attributes, span.resource.attributes].some((attributes) => has(attributes, key, wanted));
    });
  });
}

function has(attributes: Attributes, key: string, wanted: string): boolean {
  return Object.hasOwn(attributes, key) && textOf(attributes[key]!).toLowerCase().includes(wanted);
}

function textOf(value: AttributeValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
