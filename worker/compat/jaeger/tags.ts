/** What Jaeger's tags, which are text without types, ask of a trace. */

import { MAX_QUERY_CONDITIONS } from '../../../model/limits.ts';
import type { AttributeCondition, TraceSearch } from '../../../model/query/conditions.ts';
import { HttpError } from '../../errors.ts';
import { equalsText } from '../text-values.ts';

/** Tags that Jaeger's JSON has and that are no attributes: they cannot be searched. */
const NO_ATTRIBUTES = [
  'span.kind',
  'otel.scope.name',
  'otel.scope.version',
  'otel.status_description',
  'w3c.tracestate',
];

/** `error=true` and `otel.status_code=ERROR` are a failure. Throws HttpError 400 for a tag that cannot be searched. */
export function tagConditions(tags: ReadonlyMap<string, string>): Pick<TraceSearch, 'attributes' | 'status'> {
  if (tags.size > MAX_QUERY_CONDITIONS) {
    throw new HttpError(400, 'bad_parameter', `there are more than ${MAX_QUERY_CONDITIONS} tags`);
  }
  const attributes: AttributeCondition[] = [];
  let isFailure = false;
  for (const [key, value] of tags) {
    if ((key === 'error' && value === 'true') || (key === 'otel.status_code' && value === 'ERROR')) {
      isFailure = true;
    } else if (key === '' || key === 'otel.status_code' || NO_ATTRIBUTES.includes(key)) {
      throw new HttpError(
        400,
        'bad_parameter',
        `the tag ${JSON.stringify(key)} is no attribute and cannot be searched`,
      );
    } else {
      attributes.push({ on: 'any', key, test: equalsText(value) });
    }
  }
  return { attributes, ...(isFailure ? { status: 'error' } : {}) };
}
