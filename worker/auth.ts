/** Who may come in: one ingest key, one read key, one admin key. Closed without them, unless the local start says otherwise. */

import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Env } from '../durable-objects/env.ts';
import { HttpError } from './errors.ts';

export const READ_COOKIE = 'tailrace_read';

type App = { Bindings: Env };

/** The ingest key as `Authorization: Bearer` or, because a beacon has no headers, as `?key=`. */
export function requireIngestKey(): MiddlewareHandler<App> {
  return async function ingestKey(c, next) {
    await check(c, c.env.TAILRACE_INGEST_KEY, bearer(c) ?? c.req.query('key'), 'an ingest key');
    await next();
  };
}

/** The read key as `Authorization: Bearer` or in the login's cookie. */
export function requireReadKey(): MiddlewareHandler<App> {
  return async function readKey(c, next) {
    const given = bearer(c) ?? getCookie(c, READ_COOKIE);
    const admin = c.env.TAILRACE_ADMIN_KEY;
    const isAdmin = given !== undefined && admin !== undefined && (await equalInConstantTime(given, admin));
    if (!isAdmin) await check(c, c.env.TAILRACE_READ_KEY, given, 'a read key');
    await next();
  };
}

/** The admin key as `Authorization: Bearer`; never a cookie, which a page could be made to send. */
export function requireAdminKey(): MiddlewareHandler<App> {
  return async function adminKey(c, next) {
    if (!isOpen(c.env) && !c.env.TAILRACE_ADMIN_KEY) {
      throw new HttpError(503, 'not_configured', 'no admin key is configured: set the secret TAILRACE_ADMIN_KEY');
    }
    await check(c, c.env.TAILRACE_ADMIN_KEY, bearer(c), 'an admin key');
    await next();
  };
}

function isOpen(env: Env): boolean {
  return env.TAILRACE_OPEN === '1';
}

/** Throws HttpError unless `given` is the configured key. */
export async function check(
  c: Context<App>,
  configured: string | undefined,
  given: string | undefined,
  what: string,
): Promise<void> {
  if (isOpen(c.env)) return;
  if (!c.env.TAILRACE_INGEST_KEY || !c.env.TAILRACE_READ_KEY) {
    throw new HttpError(
      503,
      'not_configured',
      'no keys are configured: set the secrets TAILRACE_INGEST_KEY and TAILRACE_READ_KEY',
    );
  }
  if (given && configured && (await equalInConstantTime(given, configured))) return;
  throw new HttpError(401, 'unauthorized', given ? `this is not ${what}` : `${what} is required`);
}

function bearer(c: Context<App>): string | undefined {
  return /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
}

/** Compares digests, so that neither length nor content of the secret shows in the time taken. */
async function equalInConstantTime(a: string, b: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all([a, b].map((text) => crypto.subtle.digest('SHA-256', encoder.encode(text))));
  return crypto.subtle.timingSafeEqual(left!, right!);
}
