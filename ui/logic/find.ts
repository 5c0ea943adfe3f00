/** Finding spans inside a trace by what is written in them. */

import type { Attributes, AttributeValue, Span } from '../../model/span.ts';
import { type SpanTree, serviceOf } from '../../model/tree.ts';

/**
 * The nodes, ascending, in which every word of `text` occurs, whatever the case: in the name, service, kind, ids,
 * status message, `key=value` of attributes, resource, events. Null when there is nothing to look for.
 */
export function findSpans(tree: SpanTree, text: string): number[] | null {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const found: number[] = [];
  for (let node = 0; node < tree.spans.length; node++) {
    const content = contentOf(tree.spans[node]!);
    if (words.every((word) => content.includes(word))) found.push(node);
  }
  return found;
}

/** The match after (or, with `step` -1, before) `node`, around the end; null when there is none. */
export function nextMatch(found: readonly number[], node: number, step: 1 | -1): number | null {
  if (found.length === 0) return null;
  if (step === 1) return found.find((match) => match > node) ?? found[0]!;
  return found.findLast((match) => match < node) ?? found.at(-1)!;
}

/** An attribute's value as text: strings as they are, the rest as JSON; bytes by their base64. */
export function formatValue(value: AttributeValue): string {
  if (typeof value === 'string') return value;
  if (isBytes(value)) return `base64:${value.bytes}`;
  return JSON.stringify(value);
}

function isBytes(value: AttributeValue): value is { bytes: string } {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && typeof (value as { bytes?: unknown }).bytes === 'string';
}

/** Spans never change, so what was joined once is kept as long as the span is. */
const contents = new WeakMap<Span, string>();

function contentOf(span: Span): string {
  let content = contents.get(span);
  if (content === undefined) {
    const parts = [span.name, serviceOf(span), span.kind, span.spanId, span.state, span.status.code];
    if (span.status.message !== undefined) parts.push(span.status.message);
    addAttributes(parts, span.attributes);
    addAttributes(parts, span.resource.attributes);
    for (const event of span.events) {
      parts.push(event.name);
      addAttributes(parts, event.attributes);
    }
    content = parts.join('\n').toLowerCase();
    contents.set(span, content);
  }
  return content;
}

function addAttributes(parts: string[], attributes: Attributes): void {
  for (const [key, value] of Object.entries(attributes)) parts.push(`${key}=${formatValue(value)}`);
}
