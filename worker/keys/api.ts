/** `/api/keys`: keys are made, changed for others, and taken away. A secret is told once, to who makes it. */

import type { Context } from 'hono';
import * as v from 'valibot';
import type { Env } from '../../durable-objects/env.ts';
import { KEY_CLASSES, type Key, MAX_KEYS } from '../../durable-objects/keys.ts';
import { formatHex } from '../../model/ids.ts';
import { outdateKeys } from '../config.ts';
import { HttpError } from '../errors.ts';
import { digestOf, newKeyId, newSecret } from './secret.ts';

type App = { Bindings: Env };

const DAY_SECONDS = 86_400;
const MAX_ORIGINS = 20;

const limit = v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e12))), null);
const origin = v.pipe(
  v.string(),
  v.maxLength(200),
  v.check(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text,
    'want an origin, for example https://shop.example, without a path',
  ),
);

const NewKeySchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(100)),
    class: v.picklist(KEY_CLASSES),
    origins: v.optional(v.pipe(v.array(origin), v.maxLength(MAX_ORIGINS)), []),
    spansPerSecond: limit,
    spansPerDay: limit,
    expires: v.optional(
      v.nullable(
        v.pipe(
          v.string(),
          v.isoTimestamp(),
          v.check((text) => !Number.isNaN(Date.parse(text)), 'want a time, for example 2027-01-31T00:00:00Z'),
        ),
      ),
      null,
    ),
  }),
  v.forward(
    v.check((key) => (key.class === 'page') === key.origins.length > 0, 'a page key, and no other, has origins'),
    ['origins'],
  ),
  v.forward(
    v.check(
      (key) =>
        key.class === 'page' || key.class === 'service' || (key.spansPerSecond === null && key.spansPerDay === null),
      'only keys that send spans have limits',
    ),
    ['spansPerSecond'],
  ),
);

const RotateSchema = v.strictObject({
  graceSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(30 * DAY_SECONDS)), DAY_SECONDS),
});

/** `GET /api/keys`. */
export async function listKeys(c: Context<App>): Promise<Response> {
  const { keys } = await control(c.env).keys();
  return c.json({ keys: [...keys].sort((a, b) => a.createdMs - b.createdMs).map(describe) });
}

/** `POST /api/keys`. */
export async function createKey(c: Context<App>, nowMs: number): Promise<Response> {
  const { expires, ...wanted } = await parseBody(c, NewKeySchema);
  const expiresMs = expires === null ? null : Date.parse(expires);
  if (expiresMs !== null && expiresMs <= nowMs) throw new HttpError(400, 'bad_key', 'expires: is in the past');
  const secret = newSecret(wanted.class);
  const key: Key = {
    ...wanted,
    id: newKeyId(),
    createdMs: nowMs,
    expiresMs,
    revokedMs: null,
    hash: formatHex(await digestOf(secret)),
    previous: null,
  };
  if (!(await control(c.env).addKey(key, c.var.caller.who))) {
    throw new HttpError(409, 'too_many_keys', `there are ${MAX_KEYS} keys in use: revoke one`);
  }
  outdateKeys(c.env);
  return told(c, key, secret, 201);
}

/** `POST /api/keys/{id}/rotate`. */
export async function rotateKey(c: Context<App>, id: string): Promise<Response> {
  const { graceSeconds } = await parseBody(c, RotateSchema);
  const before = (await control(c.env).keys()).keys.find((key) => key.id === id);
  const secret = newSecret(before?.class ?? 'service');
  const hash = formatHex(await digestOf(secret));
  const key = before && (await control(c.env).rotateKey(id, hash, graceSeconds * 1000, c.var.caller.who));
  if (!key) throw notFound(id);
  outdateKeys(c.env);
  return told(c, key, secret, 200);
}

/** `DELETE /api/keys/{id}`. */
export async function revokeKey(c: Context<App>, id: string): Promise<Response> {
  if (!(await control(c.env).revokeKey(id, c.var.caller.who))) throw notFound(id);
  outdateKeys(c.env);
  return c.body(null, 204);
}

function told(c: Context<App>, key: Key, secret: string, status: 200 | 201): Response {
  return c.json({ ...describe(key), secret }, status, { 'cache-control': 'no-store' });
}

function describe(key: Key) {
  const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const { id, name, origins, spansPerSecond, spansPerDay } = key;
  return {
    id,
    name,
    class: key.class,
    origins,
    spansPerSecond,
    spansPerDay,
    created: time(key.createdMs),
    expires: time(key.expiresMs),
    revoked: time(key.revokedMs),
    /** Until when the secret before the last rotation opens. */
    previousUntil: time(key.previous?.untilMs ?? null),
  };
}

async function parseBody<S extends v.GenericSchema>(c: Context<App>, schema: S): Promise<v.InferOutput<S>> {
  const text = await c.req.text();
  let body: unknown;
  try {
    body = JSON.parse(text || '{}');
  } catch (error) {
    throw new HttpError(400, 'bad_key', `the body is not JSON: ${(error as Error).message}`);
  }
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new HttpError(400, 'bad_key', `${v.getDotPath(issue) ?? 'the body'}: ${issue.message}`);
}

function notFound(id: string): HttpError {
  return new HttpError(404, 'not_found', `there is no key ${id} in use`);
}

function control(env: Env) {
  return env.CONTROL.getByName('control');
}
