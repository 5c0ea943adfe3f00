/** What a Worker says about itself and about where its spans go, and the check of it. */

import type { SpanDataAttributes, SpanDataValue } from '../../model/span-data.ts';

/** Anything that answers requests the way a service binding does. */
export interface Exporter {
  fetch(request: Request): Promise<Response>;
}

/** Options of `instrument`. Wrong ones are warned about once; the Worker then runs without tracing. */
export interface EdgeOptions {
  /** `service.name` of every span. */
  serviceName: string;
  /** `service.version`, for example a release or a commit. */
  serviceVersion?: string | undefined;
  /** Origin of the Tailrace deployment, with a path prefix if it has one: `https://tailrace.example.com`. */
  endpoint?: string | undefined;
  /** A service binding to the Tailrace Worker of the same account. Spans then never leave it; wins over `endpoint`. */
  exporter?: Exporter | undefined;
  /** An ingest key of the deployment, kept in a secret. */
  key?: string | undefined;
  /**
   * Where else outgoing requests carry `traceparent`: origins (`https://api.example.com`) or patterns for them.
   * The origin of the request being answered and all service bindings carry it always.
   */
  propagateTo?: readonly (string | RegExp)[] | undefined;
  /** The share of the traces that begin here that is recorded, 0 to 1; others go by who began them. All by default. */
  sampleRate?: number | undefined;
  /** More resource attributes, for example `deployment.environment.name`. */
  resource?: Readonly<Record<string, SpanDataValue>> | undefined;
}

/** Options that were checked. */
export interface ResolvedOptions {
  readonly resource: SpanDataAttributes;
  readonly tracesUrl: string;
  /** null: the global fetch. */
  readonly exporter: Exporter | null;
  readonly key: string;
  readonly propagateTo: readonly (string | RegExp)[];
  readonly sampleRate: number;
}

/** A service binding needs a URL, but only its path matters. */
const BINDING_ENDPOINT = 'https://tailrace';

/** Checks `options`. Throws a `TypeError` that says which one is wrong and what would be right. */
export function resolveOptions(options: EdgeOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw new TypeError('options must be an object');
  const { serviceName, serviceVersion, endpoint, exporter, key, propagateTo, sampleRate = 1, resource } = options;
  if (typeof serviceName !== 'string' || serviceName === '') throw new TypeError('serviceName must be a text');
  if (exporter === undefined && endpoint === undefined) throw new TypeError('endpoint or exporter must be given');
  if (propagateTo !== undefined && !Array.isArray(propagateTo)) {
    throw new TypeError('propagateTo must be a list of origins and patterns');
  }
  if (!(sampleRate >= 0 && sampleRate <= 1)) throw new TypeError('sampleRate must be from 0 to 1');
  const url = URL.parse(endpoint ?? BINDING_ENDPOINT);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new TypeError(`endpoint must be an http(s) URL, not '${endpoint}'`);
  return {
    resource: [
      ['service.name', serviceName],
      ...(serviceVersion === undefined ? [] : ([['service.version', serviceVersion]] as const)),
      ['cloud.provider', 'cloudflare'],
      ['cloud.platform', 'cloudflare.workers'],
      ['telemetry.sdk.name', 'tailrace'],
      ['telemetry.sdk.language', 'javascript'],
      ...Object.entries(resource ?? {}),
    ],
    tracesUrl: `${url.origin}${url.pathname.replace(/\/+$/, '')}/v1/traces`,
    exporter: exporter ?? null,
    key: key ?? '',
    propagateTo: propagateTo ?? [],
    sampleRate,
  };
}
