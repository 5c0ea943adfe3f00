/** The page's life cycle: what is recorded leaves with it. */

import type { Producer } from '../recorder/producer.ts';

/** Follows the page until the result is called. */
export function followPage(producer: Producer): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const onVisibility = () => (document.hidden ? producer.hide(false) : producer.show());
  document.addEventListener('visibilitychange', onVisibility, { signal });
  // An event of the window; `visibilitychange` may come after it.
  addEventListener('pagehide', () => producer.hide(true), { signal });
  // Restored from the back-forward cache.
  addEventListener('pageshow', () => producer.show(), { signal });
  return () => controller.abort();
}
