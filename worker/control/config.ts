/** `/api/config`: what is in force, what is to be, and what a document would do. */

import { type Config, ConfigError, parseConfig } from '../../durable-objects/config.ts';
import { type CurrentConfig, resolveConfig } from '../../durable-objects/config-source.ts';
import { countDecision, type DryRunCount } from '../../durable-objects/dry-run.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { ConfigDocument, ShardDryRun } from '../../durable-objects/protocol.ts';
import type { RoutingTable } from '../../model/routing.ts';
import { HttpError } from '../errors.ts';
import { shardsWithTraces } from '../routing.ts';

/** `GET /api/config`, with `version=previous` the one before. */
export async function readConfig(env: Env, version: string | undefined): Promise<Response> {
  if (version !== undefined && version !== 'previous') {
    throw new HttpError(400, 'bad_parameter', `version is ${JSON.stringify(version)}; want previous, or nothing`);
  }
  const { current, previous, table } = await control(env).history();
  if (version === undefined) return answer(env, current, table);
  if (!current) throw new HttpError(404, 'not_found', 'the configuration was never changed: there is none before');
  return answer(env, previous, table);
}

/** `PUT /api/config`. */
export async function putConfig(env: Env, request: Request, who: string): Promise<Response> {
  const text = await request.text();
  parseDocument(text);
  return change(env, request, text, who);
}

/** `DELETE /api/config`: the variable is in force again. */
export function deleteConfig(env: Env, request: Request, who: string): Promise<Response> {
  return change(env, request, null, who);
}

/** `POST /api/config/dry-run`. */
export async function dryRunConfig(env: Env, config: CurrentConfig, request: Request): Promise<Response> {
  const text = await request.text();
  parseDocument(text);
  const shards = await Promise.all(shardsWithTraces(env, config).map((shard) => shard.dryRun(text)));
  const windows = shards.flatMap(({ window }) => window ?? []);
  return Response.json({
    window:
      windows.length > 0
        ? {
            start: new Date(Math.min(...windows.map(({ startMs }) => startMs))).toISOString(),
            end: new Date(Math.max(...windows.map(({ endMs }) => endMs))).toISOString(),
          }
        : null,
    isCut: shards.some(({ isCut }) => isCut),
    traces: shards.reduce((sum, { traces }) => sum + traces, 0),
    would: addUp(shards, ({ would }) => would),
    did: addUp(shards, ({ did }) => did),
  });
}

async function change(env: Env, request: Request, text: string | null, who: string): Promise<Response> {
  const before = resolveConfig((await control(env).current(null)).document, env.TAILRACE_CONFIG);
  const header = expectedVersion(request);
  const named = text === null ? undefined : (JSON.parse(text || '{}') as { version?: number }).version;
  const expected = header ?? named ?? null;
  const result = await control(env).put(text, before.version, expected, who);
  if (result.accepted) return answer(env, result.document, result.table);
  throw new HttpError(
    header === null ? 409 : 412,
    'version_conflict',
    `version ${result.version} is in force, not ${expected}: read it, and change that`,
  );
}

/** Version that `If-Match` names; null for none or any. */
function expectedVersion(request: Request): number | null {
  const header = request.headers.get('if-match')?.trim();
  if (!header || header === '*') return null;
  const match = /^"(\d{1,16})"$/.exec(header);
  if (!match) throw new HttpError(400, 'bad_parameter', 'If-Match is not an ETag that this API gave out');
  return Number(match[1]);
}

function parseDocument(text: string): Config {
  try {
    // An empty body is more likely a mistake than the wish for every default.
    if (text.trim() === '') throw new ConfigError('the body is empty; want a JSON document, {} for all defaults');
    return parseConfig(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new HttpError(400, 'bad_config', error.message);
  }
}

function answer(env: Env, document: ConfigDocument | null, table: RoutingTable | null): Response {
  const inForce = resolveConfig(document, env.TAILRACE_CONFIG);
  const isPut = document !== null && document.text !== null;
  const text = isPut ? document.text : env.TAILRACE_CONFIG;
  const { version } = inForce;
  return Response.json(
    {
      version,
      source: isPut ? 'put' : 'variable',
      changed: document ? new Date(document.changedMs).toISOString() : null,
      document: { ...(JSON.parse(text || '{}') as object), version },
      resolved: inForce,
      // Shards that take traces in, and how many there were before, as long as those are not drained.
      routing: table && { version: table.version, shards: table.shards, draining: table.former },
    },
    { headers: { etag: `"${version}"`, 'cache-control': 'no-store' } },
  );
}

function addUp(shards: readonly ShardDryRun[], of: (shard: ShardDryRun) => readonly DryRunCount[]): DryRunCount[] {
  const counts = new Map<string, DryRunCount>();
  for (const count of shards.flatMap(of)) countDecision(counts, count, count.spans, count.traces);
  return [...counts.values()].sort((a, b) => b.traces - a.traces);
}

function control(env: Env) {
  return env.CONTROL.getByName('control');
}
