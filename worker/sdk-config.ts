/** `GET /v1/config`: what this deployment tells its SDKs. No secret: everyone who has a page's key may read it. */

import type { Context } from 'hono';
import type { SdkConfig as Section } from '../durable-objects/config/sdk.ts';
import type { CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';
import type { SdkConfig } from '../model/sdk-config.ts';

/** How long a browser goes by its own copy before it asks whether that still holds. */
const MAX_AGE_SECONDS = 60;

interface Told {
  readonly body: string;
  /** Of the body: 8 hex digits. */
  readonly version: string;
}

const told = new WeakMap<Section, Told>();

/** The same as long as the configuration is. */
export function sdkVersion({ sdk }: CurrentConfig): string {
  return tell(sdk).version;
}

export function readSdkConfig(c: Context<{ Bindings: Env }>, { sdk }: CurrentConfig): Response {
  const { body, version } = tell(sdk);
  const etag = `"${version}"`;
  c.header('etag', etag);
  c.header('cache-control', `private, max-age=${MAX_AGE_SECONDS}`);
  const isKnown = c.req
    .header('if-none-match')
    ?.split(',')
    .some((known) => known.trim().replace(/^W\//, '') === etag);
  return isKnown ? c.body(null, 304) : c.body(body, 200, { 'content-type': 'application/json' });
}

function tell(section: Section): Told {
  let known = told.get(section);
  if (!known) {
    const { sampleRate, routes, paused, boost } = section;
    const config: Omit<SdkConfig, 'version'> = {
      ...(sampleRate !== undefined && { sampleRate }),
      routes,
      paused,
      ...(boost && { boost: { sampleRate: boost.sampleRate, untilMs: Date.parse(boost.until) } }),
    };
    const version = fnv1a(JSON.stringify(config));
    known = { body: JSON.stringify({ version, ...config }), version };
    told.set(section, known);
  }
  return known;
}

/** http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
