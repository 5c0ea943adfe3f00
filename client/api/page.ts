/** The page's life cycle: what is recorded leaves with it. */

import type { Producer } from '../recorder/producer.ts';

/** `pagehide` is an event of the window, and `visibilitychange` may come after it; `pageshow`: back from the back-forward cache. */
const EVENTS = ['visibilitychange', 'pagehide', 'pageshow'] as const;

/** Follows the page until the result is called. */
export function followPage(producer: Producer): () => void {
  const follow = ({ type }: Event) => {
    const isLeaving = type === 'pagehide';
    if (isLeaving || document.hidden) producer.hide(isLeaving);
    else producer.show();
  };
  for (const type of EVENTS) addEventListener(type, follow);
  return () => {
    for (const type of EVENTS) removeEventListener(type, follow);
  };
}
