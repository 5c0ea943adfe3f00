/** What steers a page's recording from outside: the edge, and how busy the page is. */

import { watchBusy } from './busy.ts';
import { onlyEssentials } from './essentials.ts';
import { createRemote, type Remote, type RemoteOptions } from './remote.ts';

/** How long sending may wait for a page that is busy. */
const MAX_WAIT_MS = 2_000;

export interface Steering extends Remote {
  /** Resolves at once, or when the page is no longer busy, but soon enough for the ring not to fill. */
  calm(): Promise<void>;
}

export function createSteering(options: RemoteOptions): Steering {
  let sampling = options.local;
  let isBusy = false;
  const waiting = new Set<() => void>();
  const update = () => options.apply(isBusy ? onlyEssentials(sampling) : sampling);
  const remote = createRemote({
    ...options,
    apply(next) {
      sampling = next;
      update();
    },
  });
  const unwatch = watchBusy((next) => {
    isBusy = next;
    update();
    if (!isBusy) for (const go of waiting) go();
  });
  return {
    hear: remote.hear,
    async calm() {
      if (!isBusy) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(go, MAX_WAIT_MS);
        function go(): void {
          clearTimeout(timer);
          waiting.delete(go);
          resolve();
        }
        waiting.add(go);
      });
    },
    close() {
      unwatch();
      remote.close();
    },
  };
}
