import type { AttributeCondition, TraceConditions } from './conditions.ts';
import { isQueryField, placeOf, prefixOf } from './query-names.ts';
import { formatDuration, formatSearchValue } from './query-value.ts';

/** Keys that can stand without quotes. */
const PLAIN_KEY = /^[A-Za-z_][\w./:@-]*$/;

/** The line that `parseQuery` reads as these conditions, as long as they fit one. Throws a RangeError for `in`, which no line has. */
export function formatQuery(conditions: TraceConditions): string {
  const { service, operation, rootService, rootOperation, minDurationUs, maxDurationUs, status } = conditions;
  return [
    service === undefined ? '' : `service=${formatSearchValue(service)}`,
    operation === undefined ? '' : `operation=${formatSearchValue(operation)}`,
    rootService === undefined ? '' : `root.service=${formatSearchValue(rootService)}`,
    rootOperation === undefined ? '' : `root.operation=${formatSearchValue(rootOperation)}`,
    minDurationUs === undefined ? '' : `duration>=${formatDuration(minDurationUs)}`,
    maxDurationUs === undefined ? '' : `duration<=${formatDuration(maxDurationUs)}`,
    status === undefined ? '' : `status=${status}`,
    ...conditions.attributes.map(formatAttribute),
  ]
    .filter((condition) => condition !== '')
    .join(' ');
}

function formatAttribute({ on, key, test }: AttributeCondition): string {
  const name = prefixOf(on) + (PLAIN_KEY.test(key) ? key : JSON.stringify(key));
  // Names that mean something else are keys only in quotes.
  const isTaken = isQueryField(name) || (on === 'any' && placeOf(name) !== 'any');
  const subject = isTaken ? prefixOf(on) + JSON.stringify(key) : name;
  if (test.operator === 'in') throw new RangeError(`${subject}: a line has no test for one of several values`);
  return test.operator === 'exists' ? `${subject}=*` : `${subject}${test.operator}${formatSearchValue(test.value)}`;
}
