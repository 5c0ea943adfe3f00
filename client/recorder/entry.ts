/** `recorder.js`: as a worker it starts, imported by a page it gives the page's half. One file, so one to find. */

import { WORKER_NAME } from './protocol.ts';
import { startWorker } from './worker.ts';

export { recordLoad } from '../instrument/record-load.ts';
export { startRecorder } from './page-recorder.ts';

if (typeof document === 'undefined' && (globalThis as { name?: string }).name === WORKER_NAME) startWorker();
