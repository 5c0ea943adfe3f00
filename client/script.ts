/**
 * `tailrace.js`, for the script tag: sets the global `tailrace`, and starts at once when the tag names a service:
 * `<script async src="https://EDGE/sdk/tailrace.js" data-service="shop" data-key="…"></script>`.
 */

import { start } from './api/init.ts';
import type { InitOptions } from './api/options.ts';
import { type Consent, type ConsentOptions, type ConsentTailrace, gate } from './consent/gate.ts';

const tag = document.currentScript as HTMLScriptElement | null;

/** Starts tracing this page, with options the tag cannot say. */
export function init(options: InitOptions & ConsentOptions): ConsentTailrace {
  const { workerUrl = new URL('recorder.js', tag?.src ?? location.href).href } = options ?? {};
  // `import` would take this script's place, which is the edge.
  const url = new URL(workerUrl, location.href).href;
  const loadSteering = () => import(/* @vite-ignore */ new URL('steering.js', url).href);
  return gate(options, (options) =>
    start(options, { loadRecorder: () => import(/* @vite-ignore */ url), loadSteering, worker: url }),
  );
}

const { service, key = '', endpoint, consent, sampleRate = 1 } = tag?.dataset ?? {};

/** The SDK that the tag asked for; null when the page is to call `init` itself. */
export const sdk = service
  ? init({
      serviceName: service,
      endpoint: endpoint ?? new URL(tag!.src).origin,
      key,
      sampleRate: +sampleRate,
      consent: consent as Consent | undefined,
    })
  : null;
