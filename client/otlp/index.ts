/** `tailrace/otlp`: the same SDK for any place that takes OTLP over HTTP. */

import { type RecorderFile, start } from '../api/init.ts';
import type { InitOptions } from '../api/options.ts';
import type { Tailrace } from '../api/tailrace.ts';
import { createBeacon, otlpFetch } from './transport.ts';

export interface OtlpOptions extends InitOptions {
  /** Sent with each request, for example `authorization`. With `key` that is `Bearer` and the key already. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Like `init` of `tailrace`, but sends OTLP in protobuf to `endpoint`/v1/traces. Spans that are open are not sent: OTLP has
 * none. Of a page that is left, what the browser does not take is kept for the next visit.
 */
export function init(options: OtlpOptions): Tailrace {
  const { key, workerUrl } = options ?? {};
  const headers = { ...(key ? { authorization: `Bearer ${key}` } : {}), ...options?.headers };
  const file: RecorderFile = {
    loadRecorder: () => import('./recorder.ts'),
    loadSteering: () => import('../sampling/entry.ts'),
    worker:
      workerUrl ??
      // As in `packaged-recorder.ts`.
      (() =>
        new Worker(new URL(/* @vite-ignore */ './recorder-otlp.js', import.meta.url), {
          type: 'module',
          name: 'tailrace-recorder',
        })),
    transport: (host, endpoint) => ({
      ...host,
      config: { ...host.config, url: `${endpoint}/v1/traces`, headers },
      fetch: otlpFetch(host.fetch, headers),
      beacon: createBeacon(host.fetch, headers),
    }),
  };
  return start(options, file);
}
