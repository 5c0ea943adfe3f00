/**
 * Who may come in: with a key that was made (`/api/keys`), with a secret that is one, or through Cloudflare Access. Closed
 * without any of them, unless the local start says otherwise.
 */

import { Buffer } from 'node:buffer';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Env } from '../durable-objects/env.ts';
import type { KeyClass, KeyList } from '../durable-objects/keys.ts';
import { currentKeys } from './config.ts';
import { HttpError, IngestError } from './errors.ts';
import { callerOfAccess, hasAccess } from './keys/access.ts';
import type { Caller } from './keys/caller.ts';
import { allowOrigin, answerPreflight } from './keys/cors.ts';
import { KeyRing } from './keys/key-ring.ts';
import { digestOf } from './keys/secret.ts';

export const READ_COOKIE = 'tailrace_read';

type App = { Bindings: Env };

/** A class of routes: who may use them, in words. */
interface Door {
  readonly classes: readonly KeyClass[];
  readonly what: string;
}

const INGEST: Door = { classes: ['page', 'service'], what: 'an ingest key' };
const READ: Door = { classes: ['read', 'admin'], what: 'a read key' };
const ADMIN: Door = { classes: ['admin'], what: 'an admin key' };
const LOGIN: Door = { classes: ['read'], what: 'a read key' };

/** The secrets of a deployment that are keys of themselves. */
const SECRETS = [
  ['TAILRACE_INGEST_KEY', 'service'],
  ['TAILRACE_READ_KEY', 'read'],
  ['TAILRACE_ADMIN_KEY', 'admin'],
] as const satisfies readonly (readonly [keyof Env, KeyClass])[];

/** Before everything else: a deployment without keys answers nothing. */
export function requireKeys(): MiddlewareHandler<App> {
  return async function keysConfigured(c, next) {
    await checkConfigured(c).catch((error: Error) => {
      // Who is refused has to be able to read why.
      allowOrigin(c, c.req.header('origin'), null);
      throw error;
    });
    return next();
  };
}

/**
 * The key of a page or a service as `Authorization: Bearer` or, because a beacon has no headers, as `?key=`; a page's only from
 * its origins. Answers what a browser asks before and reads after (CORS).
 */
export function requireIngestKey(): MiddlewareHandler<App> {
  return async function ingestKey(c, next) {
    const secret = ingestSecret(c);
    const origin = originOf(c);
    if (c.req.method === 'OPTIONS') {
      const caller = secret === undefined || isOpen(c.env) ? null : await findCaller(c, secret).catch(() => null);
      return answerPreflight(c, origin, caller?.key ?? null);
    }
    // Who is refused has to be able to read why.
    allowOrigin(c, origin, null);
    const caller = isOpen(c.env) ? ANYONE_SENDS : await callerOf(c, secret, INGEST);
    if (caller.key && caller.class === 'page' && !allowOrigin(c, origin, caller.key)) {
      const from = origin === undefined ? 'a request without Origin' : `the origin ${origin}`;
      throw new IngestError(403, 'wrong_origin', `${caller.key.id} is not for ${from}`);
    }
    c.set('caller', caller);
    return next();
  };
}

/** Browsers do not name the origin where a page reads from its own. */
function originOf(c: Context<App>): string | undefined {
  const isSame = c.req.header('sec-fetch-site') === 'same-origin';
  return c.req.header('origin') ?? (isSame ? new URL(c.req.url).origin : undefined);
}

/** Why the key of a request that goes on does not let it send any longer; null while it does, and while that cannot be known. */
export async function findKeyFault(c: Context<App>): Promise<string | null> {
  // A secret of the deployment stays what it is as long as the isolate lives.
  if (c.var.caller.key === null) return null;
  try {
    await keysOf(c, true);
    await callerOf(c, ingestSecret(c), INGEST);
    return null;
  } catch (error) {
    return error instanceof HttpError && error.status === 401 ? error.message : null;
  }
}

function ingestSecret(c: Context<App>): string | undefined {
  return bearer(c) ?? c.req.query('key');
}

/** A read or admin key as `Authorization: Bearer` or as the password of `Basic`, a read key in the login's cookie, or Cloudflare Access. */
export function requireReadKey(): MiddlewareHandler<App> {
  return async function readKey(c, next) {
    c.set('caller', await reader(c));
    await next();
  };
}

async function reader(c: Context<App>): Promise<Caller> {
  if (isOpen(c.env)) return ANYONE;
  const secret = bearer(c);
  if (secret !== undefined) return callerOf(c, secret, READ);
  const password = basicPassword(c);
  const access = password === undefined ? await accessCaller(c) : null;
  const caller = access ?? (await callerOf(c, password ?? getCookie(c, READ_COOKIE), READ));
  checkOrigin(c);
  return caller;
}

/** An admin key as `Authorization: Bearer`, or Cloudflare Access; never the login's cookie, which a page could be made to send. */
export function requireAdminKey(): MiddlewareHandler<App> {
  return async function adminKey(c, next) {
    c.set('caller', await admin(c));
    await next();
  };
}

async function admin(c: Context<App>): Promise<Caller> {
  if (isOpen(c.env)) return ANYONE;
  const secret = bearer(c);
  const access = secret === undefined ? await accessCaller(c) : null;
  if (access) checkOrigin(c);
  if (access?.class === 'admin') return access;
  if (access) throw new HttpError(403, 'forbidden', `${access.who} is none of TAILRACE_ACCESS_ADMINS`);
  return callerOf(c, secret, ADMIN);
}

/** Throws HttpError unless the secret is a read key's, which the login's cookie may hold, and comes from a page of this origin. */
export async function checkLogin(c: Context<App>, secret: string | undefined): Promise<void> {
  if (isOpen(c.env)) return;
  await callerOf(c, secret, LOGIN);
  checkOrigin(c);
}

const ANYONE: Caller = { who: 'anyone', class: 'admin', key: null };
const ANYONE_SENDS: Caller = { who: 'anyone', class: 'service', key: null };

function isOpen(env: Env): boolean {
  return env.TAILRACE_OPEN === '1';
}

function bearer(c: Context<App>): string | undefined {
  return /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
}

/** What data sources of Jaeger and Zipkin can be told to send; the user's name says nothing. Browsers send it along by themselves. */
function basicPassword(c: Context<App>): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  const bytes = encoded === undefined ? null : Buffer.from(encoded, 'base64').toString();
  return bytes === null || !bytes.includes(':') ? undefined : bytes.slice(bytes.indexOf(':') + 1);
}

/** Throws HttpError 401 or 503 unless the secret opens this door. */
async function callerOf(c: Context<App>, secret: string | undefined, { classes, what }: Door): Promise<Caller> {
  if (!secret) throw new HttpError(401, 'unauthorized', `${what} is required`);
  const caller = await findCaller(c, secret);
  if (caller && classes.includes(caller.class)) return caller;
  throw new HttpError(401, 'unauthorized', `this is not ${what}`);
}

/** null where it is no key at all. Throws HttpError 401 where it was one, 503 where that cannot be known. */
async function findCaller(c: Context<App>, secret: string): Promise<Caller | null> {
  // Digests are compared, so that neither length nor content of a secret shows in the time taken.
  const digest = await digestOf(secret);
  for (const [who, keyClass] of SECRETS) {
    const configured = c.env[who];
    if (!configured) continue;
    if (crypto.subtle.timingSafeEqual(digest, await digestOfSecret(who, configured))) {
      return { who, class: keyClass, key: null };
    }
  }
  let keys = await keysOf(c, false);
  let found = keys && ringOf(keys).find(digest, Date.now());
  if (!found) {
    keys = await keysOf(c, true);
    found = keys && ringOf(keys).find(digest, Date.now());
  }
  if (!keys) throw unknownKeys();
  if (!found) return null;
  const { key, fault } = found;
  if (fault === null) return { who: key.id, class: key.class, key };
  const has = { expired: 'has expired', revoked: 'was revoked', rotated: 'has another secret by now' }[fault];
  throw new HttpError(401, 'unauthorized', `${key.id} ${has}`);
}

/** Throws HttpError 503 where nobody at all has a key, and while that is not known. */
async function checkConfigured(c: Context<App>): Promise<void> {
  if (isOpen(c.env) || hasAccess(c.env) || SECRETS.some(([name]) => c.env[name])) return;
  const keys = await keysOf(c, false);
  if (!keys) throw unknownKeys();
  if (keys.keys.length > 0) return;
  throw new HttpError(503, 'not_configured', 'no keys are configured: set the secret TAILRACE_ADMIN_KEY and make some');
}

function unknownKeys(): HttpError {
  return new HttpError(503, 'unavailable', 'the keys are not known yet: try again later', 1);
}

/** Throws HttpError 403 where a page of another origin would change something: browsers send cookies along by themselves. */
function checkOrigin(c: Context<App>): void {
  const origin = c.req.header('origin');
  if (c.req.method === 'GET' || origin === undefined || origin === new URL(c.req.url).origin) return;
  throw new HttpError(403, 'forbidden', `a page of ${origin} may not change anything`);
}

/** Who Access has let in; null without it. */
async function accessCaller(c: Context<App>): Promise<Caller | null> {
  if (!hasAccess(c.env)) return null;
  const token = c.req.header('cf-access-jwt-assertion') ?? getCookie(c, 'CF_Authorization');
  return token ? callerOfAccess(c.env, token) : null;
}

function keysOf(c: Context<App>, isMissing: boolean): Promise<KeyList | null> {
  return currentKeys(c.env, (work) => c.executionCtx.waitUntil(work), Date.now(), isMissing);
}

let ring: KeyRing | null = null;

function ringOf(list: KeyList): KeyRing {
  if (ring?.list !== list) ring = new KeyRing(list);
  return ring;
}

/** What the secrets of the deployment are, and their digests: they stay the same as long as the isolate lives. */
const secrets = new Map<string, { readonly value: string; readonly digest: Uint8Array }>();

async function digestOfSecret(who: string, value: string): Promise<Uint8Array> {
  const known = secrets.get(who);
  if (known?.value === value) return known.digest;
  const digest = await digestOf(value);
  secrets.set(who, { value, digest });
  return digest;
}
