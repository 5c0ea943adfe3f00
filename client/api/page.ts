/** The page's life cycle: what is recorded leaves with it. */

import type { Producer } from '../recorder/producer.ts';

/** Follows the page until the result is called. */
export function followPage(producer: Producer): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  let isLeaving = false;
  const onVisibility = () => (document.hidden ? producer.hide(isLeaving) : producer.show());
  document.addEventListener('visibilitychange', onVisibility, { signal });
  const onLeave = () => {
    isLeaving = true;
    producer.hide(true);
  };
  // An event of the window; `visibilitychange` may come after it. Twice, because Firefox may stop the first in the middle when a tab is closed.
  addEventListener('pagehide', onLeave, { signal, capture: true });
  addEventListener('pagehide', onLeave, { signal });
  // Restored from the back-forward cache.
  addEventListener(
    'pageshow',
    () => {
      isLeaving = false;
      producer.show();
    },
    { signal },
  );
  return () => controller.abort();
}
