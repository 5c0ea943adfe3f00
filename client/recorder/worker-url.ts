/** Makes the recorder worker from the URL of `recorder.js`. */

import { WORKER_NAME } from './protocol.ts';

/** A worker must be of the page's origin: from elsewhere the script is imported by one that is. `url` may be relative to the page. */
export function createWorkerFrom(url: string): Worker {
  const options = { type: 'module', name: WORKER_NAME } as const;
  const { href, origin } = new URL(url, location.href);
  if (origin === location.origin) return new Worker(href, options);
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(href)}`], { type: 'text/javascript' }));
  return new Worker(script, options);
}
