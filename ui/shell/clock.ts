/** The only place of the page that reads the clock. */

import { signal } from '@preact/signals';

export function nowUs(): number {
  return Date.now() * 1000;
}

/** The time to the nearest few seconds, for ages on the screen. */
export const currentUs = signal(nowUs());

const AGE_STEP_MS = 5_000;

/** Keeps `currentUs` current while the page is visible. */
export function startClock(): void {
  setInterval(() => {
    if (document.visibilityState === 'visible') currentUs.value = nowUs();
  }, AGE_STEP_MS);
}
