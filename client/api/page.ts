/** The page's life cycle: what is recorded leaves with it. */

import type { Producer } from '../recorder/producer.ts';

/** `pagehide` is an event of the window, and `visibilitychange` may come after it; `pageshow`: back from the back-forward cache. */
const EVENTS = ['visibilitychange', 'pagehide', 'pageshow'] as const;
/** Each twice, on its way to its target and back: Firefox may stop the first in the middle when a tab is closed. */
const PHASES = [true, false];

/** Follows the page until the result is called. */
export function followPage(producer: Producer): () => void {
  let isLeaving = false;
  const follow = ({ type }: Event) => {
    if (type !== 'visibilitychange') isLeaving = type === 'pagehide';
    if (isLeaving || document.hidden) producer.hide(isLeaving);
    else producer.show();
  };
  const forEach = (act: typeof addEventListener) => {
    for (const type of EVENTS) for (const capture of PHASES) act(type, follow, capture);
  };
  forEach(addEventListener);
  return () => forEach(removeEventListener);
}
