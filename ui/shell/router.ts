/** The page's address as signals, and links that change it without a load. */

import { computed, signal } from '@preact/signals';
import { parseRoute, type Route } from '../logic/route.ts';

const address = signal({ path: window.location.pathname, search: window.location.search });

export const route = computed<Route>(() => parseRoute(address.value.path));
/** The address's query string, with its `?`; empty when there is none. */
export const search = computed(() => address.value.search);

/** True when the address that is shown was reached by the browser's back or forward. */
export let arrivedByHistory = false;

function read(): void {
  address.value = { path: window.location.pathname, search: window.location.search };
}

/** Goes to another view. */
export function navigate(href: string): void {
  history.pushState(null, '', href);
  arrivedByHistory = false;
  read();
  window.scrollTo(0, 0);
}

/** Changes the address of the view that is shown, without a new entry in the history. */
export function replaceAddress(href: string): void {
  history.replaceState(null, '', href);
  read();
}

/** Follows history and plain clicks on links to the page's own views; all other clicks stay the browser's. */
export function startRouter(): void {
  window.addEventListener('popstate', () => {
    arrivedByHistory = true;
    read();
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link?.href || link.origin !== window.location.origin) return;
    if (link.target !== '' || link.hasAttribute('download') || parseRoute(link.pathname).view === 'unknown') return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}
