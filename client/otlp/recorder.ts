/** `recorder-otlp.js`: what `recorder.js` is, but as a worker it sends OTLP. */

import { WORKER_NAME } from '../recorder/protocol.ts';
import { startWorker } from '../recorder/worker.ts';
import { otlpFetch } from './transport.ts';

export { recordLoad } from '../instrument/record-load.ts';
export { startRecorder } from '../recorder/page-recorder.ts';

if (typeof document === 'undefined' && (globalThis as { name?: string }).name === WORKER_NAME) {
  startWorker(({ headers = {} }) => ({ fetch: otlpFetch(fetch, headers), pack: async (bytes) => bytes }));
}
