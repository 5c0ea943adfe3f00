/** Makes the recorder worker from the URL of `recorder.js`. */

import { WORKER_NAME } from './protocol.ts';

/** A worker must be of the page's origin: from elsewhere the script is imported by one that is. */
export function createWorkerFrom(url: string): Worker {
  const options = { type: 'module', name: WORKER_NAME } as const;
  if (new URL(url).origin === location.origin) return new Worker(url, options);
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(url)}`], { type: 'text/javascript' }));
  return new Worker(script, options);
}
