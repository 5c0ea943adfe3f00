/**
 * A trace for each click of the user on something that is meant to be clicked. Spans that its listeners start have the
 * click as parent; it ends when none of them is open any more.
 */

import { leftPending, runIn, setEventSpan } from '../api/context.ts';
import type { Span } from '../api/span.ts';
import type { Tracer } from '../api/tracer.ts';
import { wrapHandler } from './handlers.ts';
import { wrapListeners } from './listeners.ts';

const CLICKABLE = 'a, button, input, select, summary, label, [role=button], [data-trace-name]';
const MAX_TEXT_CHARS = 40;

/** Listens for clicks, before and after all other listeners; the result stops that. */
export function instrumentClicks(tracer: Tracer): () => void {
  let span: Span | null = null;
  let clicked: Event | null = null;

  const finish = () => {
    setEventSpan(null);
    span?.endWhenIdle();
    span = clicked = null;
  };

  const begin = (event: Event) => {
    // Clicks that a script makes are part of what the script does.
    if (!event.isTrusted) return;
    finish();
    const target = event.target instanceof Element ? event.target.closest(CLICKABLE) : null;
    if (!target) return;
    span = tracer.startSpan(`click ${label(target)}`, {
      parent: null,
      scope: 'tailrace/click',
      attributes: { 'element.id': target.id || undefined },
    });
    clicked = event;
    // For listeners that are not ours to wrap.
    setEventSpan(span);
    // For listeners that stop the event before it comes to ours.
    setTimeout(finish, 0);
  };

  addEventListener('click', begin, true);
  addEventListener('click', finish);
  const run = (event: Event, call: () => unknown) => {
    if (event !== clicked) return call();
    // From here on what listeners settle may wake up the code of other traces.
    setEventSpan(null);
    return leftPending(runIn(span, call));
  };
  const undo = [
    wrapListeners({ wants: (_, type) => type === 'click', run }),
    wrapHandler(
      HTMLElement.prototype,
      'onclick',
      (handler) =>
        function (this: unknown, event) {
          return run(event, () => handler.call(this, event));
        },
    ),
  ];
  return () => {
    for (const step of undo) step();
    removeEventListener('click', begin, true);
    removeEventListener('click', finish);
    finish();
  };
}

/** What people call it; never what somebody typed. */
function label(element: Element): string {
  const { dataset } = element as HTMLElement;
  const text = dataset.traceName || element.ariaLabel || element.textContent || element.id;
  return text.trim().replace(/\s+/g, ' ').slice(0, MAX_TEXT_CHARS);
}
