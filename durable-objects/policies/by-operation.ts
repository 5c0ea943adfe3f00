import type { TraceView } from '../trace-view.ts';
import { MAX_REMEMBERED_OPERATIONS } from './bounds.ts';

/** An answer that depends on a span's service and name alone, worked out once for each pair. */
export function byOperation<T>(answer: (service: string, name: string) => T): (view: TraceView, i: number) => T {
  const answers = new Map<number, T>();
  return (view, i) => {
    const operation = view.operation(i);
    const known = answers.get(operation);
    if (known !== undefined) return known;
    const found = answer(view.service(i), view.name(i));
    if (answers.size >= MAX_REMEMBERED_OPERATIONS) answers.clear();
    answers.set(operation, found);
    return found;
  };
}

/** True when any span of the trace passes. */
export function someSpan(view: TraceView, passes: (view: TraceView, i: number) => boolean): boolean {
  for (let i = 0; i < view.spanCount; i++) if (passes(view, i)) return true;
  return false;
}
