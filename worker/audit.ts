/** What goes on record, and how it is read. */

import type { Context } from 'hono';
import type { AuditAction } from '../durable-objects/audit.ts';
import type { Env } from '../durable-objects/env.ts';
import { HttpError } from './errors.ts';

type App = { Bindings: Env };

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** Before something is changed: what cannot go on record is not done. Throws HttpError 503. */
export async function noteChange(c: Context<App>, action: AuditAction, subject: string): Promise<void> {
  try {
    await note(c, action, subject);
  } catch (error) {
    console.error(`not on record and not done: ${action} ${subject}: ${(error as Error).message}`);
    throw new HttpError(503, 'unavailable', 'this cannot go on record, and is not done: try again later', 1);
  }
}

/** Of a read, which does not wait for it. */
export function noteRead(c: Context<App>, action: AuditAction, subject: string): void {
  const noted = note(c, action, subject).catch((error: unknown) => {
    console.error(`not on record: ${c.var.caller.who} ${action} ${subject}: ${(error as Error).message}`);
  });
  c.executionCtx.waitUntil(noted);
}

function note(c: Context<App>, action: AuditAction, subject: string): Promise<void> {
  return control(c.env).note({ who: c.var.caller.who, action, subject });
}

/** `GET /api/audit?limit=&cursor=`: the newest first. */
export async function listAudit(c: Context<App>): Promise<Response> {
  const limit = parse(c, 'limit', MAX_LIMIT) ?? DEFAULT_LIMIT;
  const records = await control(c.env).audit(parse(c, 'cursor', Number.MAX_SAFE_INTEGER), limit);
  const last = records.at(-1);
  return c.json({
    records: records.map(({ atMs, who, action, subject }) => ({
      at: new Date(atMs).toISOString(),
      who,
      action,
      subject,
    })),
    cursor: records.length === limit && last && last.number > 1 ? String(last.number) : null,
  });
}

function parse(c: Context<App>, name: string, max: number): number | null {
  const text = c.req.query(name);
  if (!text) return null;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw new HttpError(400, 'bad_parameter', `${name} is ${JSON.stringify(text)}; want 1 to ${max}`);
}

function control(env: Env) {
  return env.CONTROL.getByName('control');
}
