import type { AttributeValue } from '../../model/span.ts';
import type { TraceView } from '../trace-view.ts';
import { text } from './policy.ts';
import { type Place, place, spansAt } from './root-span.ts';

/** Which attribute, and where. */
export const ATTRIBUTE = { key: text, on: place };

/** True when the attribute `key` of a span, or else of its resource, passes the test. Where both have it, both are asked. */
export function someAttribute(
  view: TraceView,
  place: Place,
  key: string,
  passes: (value: AttributeValue) => boolean,
): boolean {
  return spansAt(view, place).some(
    ({ attributes, resource }) => passesAt(attributes, key, passes) || passesAt(resource.attributes, key, passes),
  );
}

function passesAt(
  attributes: { readonly [key: string]: AttributeValue },
  key: string,
  passes: (value: AttributeValue) => boolean,
): boolean {
  return Object.hasOwn(attributes, key) && passes(attributes[key]!);
}
