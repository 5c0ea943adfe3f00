/** `init` of the npm package. */

import { start } from './api/init.ts';
import type { InitOptions } from './api/options.ts';
import type { Tailrace } from './api/tailrace.ts';
import { packagedRecorder } from './packaged-recorder.ts';

/**
 * Starts tracing this page. Never throws: with wrong options it warns on the console and returns an SDK that does
 * nothing, as it does where there is no page.
 */
export function init(options: InitOptions): Tailrace {
  return start(options, packagedRecorder(options?.workerUrl));
}
