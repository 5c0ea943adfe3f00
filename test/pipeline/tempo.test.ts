/** Tempo's own types, and those that Grafana decodes a trace into, as clients of the edge as it is built. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalEdge, startLocal } from '../../scripts/local.ts';
import { ROOT } from '../../scripts/run.ts';
import { otlp, randomTraceId, spanId, TEST_START_US, type TestSpan } from '../kit/spans.ts';

const KEYS = { TAILRACE_INGEST_KEY: 'tempo-ingest', TAILRACE_READ_KEY: 'tempo-read' };
const CLIENT = join(ROOT, 'test', 'pipeline', 'fixtures', 'tempo-client');
/** What a machine that has never had its modules takes to get and build it. */
const BUILD_MS = 240_000;
const execute = promisify(execFile);

let edge: LocalEdge;
let reason: string | null;
const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-tempo-'));
const program = join(stateDir, 'client');
beforeAll(async () => {
  edge = await startLocal({ stateDir, vars: KEYS });
  reason = (await missing('version')) ?? (await missing('mod', 'download'));
  if (reason) console.log(reason);
  else await execute('go', ['build', '-o', program, '.'], { cwd: CLIENT, timeout: BUILD_MS });
}, BUILD_MS);
afterAll(async () => {
  await edge.close();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Why Go, or the modules of the client, cannot be had here; null where they can. */
async function missing(...args: readonly string[]): Promise<string | null> {
  return await execute('go', args, { cwd: CLIENT, timeout: BUILD_MS }).then(
    () => null,
    (error: Error) => `go ${args.join(' ')} does not do here: ${error.message.split('\n')[0]}`,
  );
}

it("Tempo's types and the Collector's read what the edge answers", async (context) => {
  if (reason) context.skip(reason);
  const traceId = `00${randomTraceId().slice(2)}`;
  const at = { traceId, startUs: TEST_START_US };
  const spans: TestSpan[] = [
    { ...at, id: 1, name: 'GET /cart', durationUs: 1_500_000, error: true },
    { ...at, id: 2, parent: 1, name: 'charge', service: 'pay', durationUs: 20_000 },
  ];
  const sent = await fetch(`${edge.url}/v1/traces`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEYS.TAILRACE_INGEST_KEY}`, 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(otlp(spans)),
  });
  expect(sent.status).toBe(200);
  const start = TEST_START_US / 1e6;
  const query = '{ name = "GET /cart" } >> { resource.service.name = "pay" && .test.id = 2 }';
  const args = [`${edge.url}/tempo`, KEYS.TAILRACE_READ_KEY, query, String(start - 60), String(start + 60)];
  const { stdout } = await execute(program, args);
  expect(JSON.parse(stdout)).toEqual({
    Search: [
      {
        traceID: traceId.replace(/^0+/, ''),
        rootServiceName: 'shop',
        rootTraceName: 'GET /cart',
        startTimeUnixNano: TEST_START_US * 1000,
        durationMs: 1500,
      },
    ],
    Names: ['GET /cart', 'charge'],
    Grafana: [`shop GET /cart ${spanId(1)}`, `pay charge ${spanId(2)}`],
    Tags: ['service.name', 'test.id'],
    Values: ['pay', 'shop'],
    Missing: 404,
  });
});
