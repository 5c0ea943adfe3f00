/** Puts conditions together of which both hold, or one of the two, without saying more than that. */

import type { AttributeCondition, SearchValue, TraceConditions, ValueTest } from '../query/conditions.ts';

/** What holds of every trace. */
export const NOTHING: TraceConditions = { attributes: [] };

/** Both hold, of one span. */
export function oneSpan(a: TraceConditions, b: TraceConditions): TraceConditions {
  const names = { service: a.service ?? b.service, operation: a.operation ?? b.operation };
  return { ...both(a, b), ...known(names), attributes: [...a.attributes, ...b.attributes] };
}

/** Both hold, of spans that may differ. A search names one span; of another it can say the service alone. */
export function all(a: TraceConditions, b: TraceConditions): TraceConditions {
  const [named, other] = a.service === undefined && a.operation === undefined ? [b, a] : [a, b];
  const { service, operation } = named;
  const attributes = [...a.attributes, ...b.attributes];
  if (other.service !== undefined) {
    attributes.push(ofService(other.service));
  }
  return { ...both(a, b), ...known({ service, operation }), attributes };
}

/** What is of the trace as a whole. */
function both(a: TraceConditions, b: TraceConditions): Omit<TraceConditions, 'attributes'> {
  const minDurationUs = Math.max(a.minDurationUs ?? 0, b.minDurationUs ?? 0);
  const maxDurationUs = Math.min(
    a.maxDurationUs ?? Number.POSITIVE_INFINITY,
    b.maxDurationUs ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...known({
      rootService: a.rootService ?? b.rootService,
      rootOperation: a.rootOperation ?? b.rootOperation,
      status: a.status ?? b.status,
    }),
    ...(minDurationUs > 0 ? { minDurationUs } : {}),
    // Where nothing is between the two, what is looked at afterwards finds nothing.
    ...(Number.isFinite(maxDurationUs) && maxDurationUs >= minDurationUs ? { maxDurationUs } : {}),
  };
}

/** One of the two holds: what both say. */
export function either(a: TraceConditions, b: TraceConditions): TraceConditions {
  const same = <K extends keyof TraceConditions>(key: K) => (a[key] === b[key] ? a[key] : undefined);
  const isBounded = (key: 'minDurationUs' | 'maxDurationUs') => a[key] !== undefined && b[key] !== undefined;
  const service = same('service');
  const [left, right] = service === undefined ? [withService(a), withService(b)] : [a.attributes, b.attributes];
  return {
    ...known({
      service,
      operation: same('operation'),
      rootService: same('rootService'),
      rootOperation: same('rootOperation'),
      status: same('status'),
    }),
    ...(isBounded('minDurationUs') ? { minDurationUs: Math.min(a.minDurationUs!, b.minDurationUs!) } : {}),
    ...(isBounded('maxDurationUs') ? { maxDurationUs: Math.max(a.maxDurationUs!, b.maxDurationUs!) } : {}),
    attributes: left.flatMap((condition) => {
      const other = right.find(({ on, key }) => on === condition.on && key === condition.key);
      return other ? [{ ...condition, test: eitherTest(condition.test, other.test) }] : [];
    }),
  };
}

/** The service as a condition like others. */
function withService({ service, attributes }: TraceConditions): readonly AttributeCondition[] {
  return service === undefined ? attributes : [...attributes, ofService(service)];
}

function ofService(service: string): AttributeCondition {
  return { on: 'resource', key: 'service.name', test: { operator: '=', value: service } };
}

/** What passes one of the two passes this. */
function eitherTest(a: ValueTest, b: ValueTest): ValueTest {
  if (JSON.stringify(a) === JSON.stringify(b)) return a;
  const values = [valuesOf(a), valuesOf(b)];
  return values.every((of) => of !== null) ? { operator: 'in', values: values.flat() } : { operator: 'exists' };
}

/** The values that pass; null where there are any number of them. */
function valuesOf(test: ValueTest): readonly SearchValue[] | null {
  if (test.operator === 'in') return test.values;
  return test.operator === '=' ? [test.value] : null;
}

export function distinct(conditions: readonly AttributeCondition[]): AttributeCondition[] {
  return [...new Map(conditions.map((condition) => [keyOf(condition), condition])).values()];
}

function keyOf(condition: AttributeCondition): string {
  return JSON.stringify(condition);
}

/** Without what is not there. */
function known<T extends object>(parts: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as never;
}
