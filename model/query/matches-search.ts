/** What a search means, for one decoded trace: the reference that every index answers like. */

import { cutName } from '../names.ts';
import type { Attributes, Span, TraceSummary } from '../span.ts';
import { serviceOf } from '../tree.ts';
import type { AttributeCondition, TraceConditions, TraceSearch } from './conditions.ts';
import { passesTest } from './value.ts';

/** What a summary knows that is not in a trace's spans: the range and the status may be of parts that are gone. */
export type TraceFacts = Pick<TraceSummary, 'startUs' | 'durationUs' | 'status'>;
type Conditions = Omit<TraceSearch, 'order' | 'limit'>;

/** `spans` are those of the trace, each in the version that stands. */
export function matchesSearch(facts: TraceFacts, spans: readonly Span[], search: Conditions): boolean {
  return matchesFacts(facts, search) && matchesSpans(spans, search);
}

export function matchesFacts(facts: TraceFacts, search: Conditions): boolean {
  if (facts.startUs < search.startUs || facts.startUs > search.endUs) return false;
  if (search.minDurationUs !== undefined && facts.durationUs < search.minDurationUs) return false;
  if (search.maxDurationUs !== undefined && facts.durationUs > search.maxDurationUs) return false;
  return search.status === undefined || facts.status === search.status;
}

export function matchesSpans(spans: readonly Span[], search: TraceConditions): boolean {
  const root = findRoot(spans);
  const roots = root === null ? [] : [root];
  if (!someSpan(spans, search.service, search.operation)) return false;
  if (!someSpan(roots, search.rootService, search.rootOperation)) return false;
  return search.attributes.every((condition) =>
    (condition.on === 'root' ? roots : spans).some((span) => meets(span, condition)),
  );
}

/** Whether there is a condition that only spans can answer. */
export function asksSpans(search: TraceConditions): boolean {
  const { service, operation, rootService, rootOperation, attributes } = search;
  return [service, operation, rootService, rootOperation].some((name) => name !== undefined) || attributes.length > 0;
}

/** The root span, the earliest of several, or as its stand-in the earliest span of a headless trace; null of no spans. */
function findRoot(spans: readonly Span[]): Span | null {
  let best: Span | null = null;
  for (const span of spans) if (best === null || isBetterRoot(span, best)) best = span;
  return best;
}

function isBetterRoot(span: Span, than: Span): boolean {
  const isRoot = span.parentSpanId === undefined;
  if (isRoot !== (than.parentSpanId === undefined)) return isRoot;
  return span.startUs < than.startUs;
}

/** Service and operation must be those of one span. */
function someSpan(spans: readonly Span[], service: string | undefined, operation: string | undefined): boolean {
  if (service === undefined && operation === undefined) return true;
  return spans.some(
    (span) =>
      (service === undefined || cutName(serviceOf(span)) === cutName(service)) &&
      (operation === undefined || cutName(span.name) === cutName(operation)),
  );
}

/** Where both the span and its resource have the attribute, both are asked. */
function meets({ attributes, resource }: Span, { on, key, test }: AttributeCondition): boolean {
  const passes = (of: Attributes) => Object.hasOwn(of, key) && passesTest(of[key]!, test);
  return (on !== 'resource' && passes(attributes)) || (on !== 'span' && passes(resource.attributes));
}
