/** The recorder of the npm package: beside this module, in the form in which bundlers find a worker. */

import type { RecorderFile } from './api/init.ts';

export function packagedRecorder(workerUrl: string | undefined): RecorderFile {
  return {
    loadRecorder: () => import('./recorder/entry.ts'),
    loadSteering: () => import('./sampling/entry.ts'),
    worker:
      workerUrl ??
      // Bundlers read this expression, so the name is written out: it is WORKER_NAME.
      (() =>
        new Worker(new URL(/* @vite-ignore */ './recorder.js', import.meta.url), {
          type: 'module',
          name: 'tailrace-recorder',
        })),
  };
}
