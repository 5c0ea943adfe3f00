/** `POST /v1/hello` and `/v1/goodbye`: an instance of a service says that it is there, or that it will not come again. */

import type { Context } from 'hono';
import type { Env } from '../../durable-objects/env.ts';
import type { Sighting } from '../../durable-objects/protocol.ts';
import { IngestError } from '../errors.ts';
import { giveBack, spend } from '../keys/budget.ts';
import { readBody } from './body.ts';
import type { InFlight } from './in-flight.ts';
import { askLedger } from './ledger.ts';

const MAX_HELLO_BYTES = 4 * 1024;
const DECODER = new TextDecoder();

/** Takes `{service, instance, version?}`, as any content type. Answers 204 when it is durable, 503 when the Ledger does not, 429 beyond the key's limits, of which it takes as much as a span. */
export async function hello(c: Context<{ Bindings: Env }>, word: 'hello' | 'goodbye', inFlight: InFlight) {
  const { class: keyClass, who, key } = c.var.caller;
  // Everybody can have the key of a page.
  if (keyClass === 'page') throw new IngestError(401, 'unauthorized', `${who} is a page's: this takes a service key`);
  const sighting = parse(DECODER.decode(await readBody(c.req.raw, inFlight, MAX_HELLO_BYTES)));
  await spend(c.env, key, 1);
  try {
    await askLedger(c.env, `whether the ${word} was heard is not known`, (ledger) => ledger[word](sighting));
  } catch (error) {
    giveBack(key, 1);
    throw error;
  }
  return c.body(null, 204);
}

function parse(text: string): Omit<Sighting, 'atMs'> {
  const fault = (what: string) => new IngestError(400, 'malformed_body', what);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw fault(`the body is not JSON: ${(error as Error).message}`);
  }
  const { service, instance, version = '' } = (body ?? {}) as Record<string, unknown>;
  if (typeof service !== 'string' || service === '') throw fault('service: want a name');
  if (typeof instance !== 'string' || instance === '') throw fault('instance: want an id');
  if (typeof version !== 'string') throw fault('version: want text, or nothing');
  return { service, instance, version };
}
