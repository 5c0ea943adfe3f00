/**
 * A trace for each click on something that is meant to be clicked. Spans that its listeners start have the click as
 * parent; it ends when none of them is open any more.
 */

import { setActiveSpan } from '../api/context.ts';
import type { Span } from '../api/span.ts';
import type { Tracer } from '../api/tracer.ts';

const CLICKABLE = 'a, button, input, select, summary, label, [role=button], [onclick]';
const MAX_TEXT_CHARS = 40;

/** Listens for clicks; the result stops that. */
export function instrumentClicks(tracer: Tracer): () => void {
  const onClick = (event: Event) => {
    const target = event.target instanceof Element ? event.target.closest(CLICKABLE) : null;
    if (!target) return;
    const span = tracer.startSpan(`click ${label(target)}`, {
      parent: null,
      scope: 'tailrace/click',
      attributes: { 'element.tag': target.tagName.toLowerCase(), 'element.id': target.id || undefined },
    });
    activateForDispatch(span);
  };
  addEventListener('click', onClick, true);
  return () => removeEventListener('click', onClick, true);
}

/** The span is active for the listeners of the event that is being dispatched: until the next task. */
function activateForDispatch(span: Span): void {
  const previous = setActiveSpan(span);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    setActiveSpan(previous);
    span.endWhenIdle();
  };
  port2.postMessage(0);
}

function label(element: Element): string {
  const text = element.getAttribute('aria-label') ?? element.textContent ?? '';
  return text.trim().replace(/\s+/g, ' ').slice(0, MAX_TEXT_CHARS) || element.tagName.toLowerCase();
}
