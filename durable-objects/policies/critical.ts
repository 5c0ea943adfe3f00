import type { TraceView } from '../trace-view.ts';
import { byOperation, someSpan } from './by-operation.ts';
import { type CriticalNames, condition, definePolicy, optionsOf } from './policy.ts';

/** Keeps every trace with a span of a service or operation that the configuration lists as critical. */
export const critical = definePolicy(optionsOf('critical', {}), (_, context) =>
  condition('critical', criticalTest(context.critical)),
);

/** Whether a trace has anything critical in it. */
export function criticalTest(names: CriticalNames): (view: TraceView) => boolean {
  if (names.services.length === 0 && names.operations.length === 0) return () => false;
  const services = new Set(names.services);
  const operations = new Set(names.operations);
  const isCritical = byOperation((service, name) => services.has(service) || operations.has(name));
  return (view) => someSpan(view, isCritical);
}
