/** The options of `init`, checked: a page must not break because its tracing is set up wrongly. */

import type { SpanDataValue } from '../../model/span-data.ts';
import type { Tuning } from '../recorder/tuning.ts';
import type { Sampling } from '../sampling/sampler.ts';

export interface InitOptions {
  /** The page's `service.name`. */
  readonly serviceName: string;
  /** Origin of the edge, for example `https://traces.example.com`. */
  readonly endpoint: string;
  /** A page's ingest key. It is public: everyone who sees the page sees it. */
  readonly key?: string;
  /** Further resource attributes, for example `service.version`. */
  readonly resource?: Readonly<Record<string, SpanDataValue>>;
  /** Origins other than the page's own that get a `traceparent` header: exact origins, or patterns for them. */
  readonly propagateTo?: readonly (string | RegExp)[];
  /** The share of the traces that begin here that is recorded, 0 to 1; below 1, others go by who began them. */
  readonly sampleRate?: number;
  /** Decides instead: `sampleBy(…)`. */
  readonly sampler?: Sampling;
  /** Spans for `fetch`, for the document's load and for clicks; all on by default. */
  readonly instrument?: { readonly fetch?: boolean; readonly documentLoad?: boolean; readonly clicks?: boolean };
  /**
   * Sees every attribute of a span, an event or a link before it is recorded: gives what is to be recorded instead, or
   * undefined for nothing. May be given again what it gave, while the span is open. A span for which it throws is lost.
   */
  readonly redact?: (key: string, value: SpanDataValue) => SpanDataValue | undefined;
  /** Says on the console what may be a mistake: spans that are never ended, for example. */
  readonly debug?: boolean;
  /** `lowLatency`, `throughput`, or values of your own; something between them by default. */
  readonly tuning?: Tuning;
  /** Where the recorder's script is, relative to the page, when the bundler's or the edge's own place for it does not do. */
  readonly workerUrl?: string;
}

/** Says what is wrong with the options, or null. A wrong `key` or `workerUrl` does no harm here and shows by itself. */
export function findOptionsFault(options: InitOptions | undefined): string | null {
  const { serviceName, endpoint, propagateTo = [], sampleRate = 1 } = options ?? ({} as Partial<InitOptions>);
  if (typeof serviceName !== 'string' || !serviceName) return 'serviceName must be a text';
  if (!/^https?:\/\/./.test(`${endpoint}`)) return 'endpoint must be an http(s) URL';
  if (!(sampleRate >= 0 && sampleRate <= 1)) return 'sampleRate must be from 0 to 1';
  return Array.isArray(propagateTo) ? null : 'propagateTo must be a list';
}
