/** The edge SDK between real Workers: what they ask of each other is one trace at the edge. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Span, Trace, TraceList } from '../../model/span.ts';
import { ROOT, run } from '../../scripts/run.ts';
import { startEdge, type TestEdge } from '../kit/edge.ts';
import { tempDir } from '../kit/temp-dir.ts';

const CALLER_SPAN_ID = '00000000000000aa';
const dir = tempDir();
let edge: TestEdge;
let workers: Miniflare;
const origins: Server[] = [];

/** A plain HTTP server that says which headers it was sent; `/slow` never answers. */
async function startOrigin(): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/slow') return;
    const { traceparent = null, tracestate = null, 'x-custom': custom = null } = request.headers;
    response.end(JSON.stringify({ traceparent, tracestate, custom }));
  });
  origins.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bundle(name: string): Promise<string> {
  const outdir = join(dir.path, name);
  const { code, output } = await run('wrangler', [
    ...['deploy', '--dry-run', '--config', `test/client/edge/workers/${name}.toml`, '--outdir', outdir],
  ]);
  if (code !== 0) throw new Error(output);
  return outdir;
}

beforeAll(async () => {
  edge = await startEdge();
  const bindings = { EDGE: edge.url, ALLOWED: await startOrigin(), FOREIGN: await startOrigin() };
  const worker = async (name: string) => {
    const modulesRoot = await bundle(name);
    return {
      name,
      compatibilityDate: '2026-10-01',
      modules: [{ type: 'ESModule' as const, path: join(modulesRoot, `${name}.js`) }],
      modulesRoot,
      bindings,
    };
  };
  workers = new Miniflare(
    convertV4MiniflareOptions({
      rootPath: ROOT,
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.ERROR),
      workers: [
        {
          ...(await worker('caller')),
          serviceBindings: { CALLEE: 'callee', RPC: { name: 'callee', entrypoint: 'Arithmetic' } },
          kvNamespaces: ['KV'],
        },
        await worker('callee'),
      ],
    }),
  );
  await workers.ready;
});

afterAll(async () => {
  for (const server of origins) {
    server.closeAllConnections();
    server.close();
  }
  await workers?.dispose();
  await edge?.close();
  dir[Symbol.dispose]();
});

let requests = 0;

/** Asks the caller for `path`; answers its words and the trace once it has `spanCount` spans, all ended. */
async function ask<T>(path: string, spanCount: number, init: { method: string; body: string } | object = {}) {
  const traceId = `${(++requests).toString(16)}`.padStart(32, 'c');
  const response = await workers.dispatchFetch(`http://caller.test${path}`, {
    ...init,
    headers: { traceparent: `00-${traceId}-${CALLER_SPAN_ID}-01`, tracestate: 'vendor=1', 'x-custom': 'forwarded' },
  });
  const answer = (await response.json()) as T;
  const spans = await vi.waitUntil(
    async () => {
      const stored = await fetch(`${edge.url}/api/traces/${traceId}`);
      if (stored.status !== 200) return false;
      const { spans } = (await stored.json()) as Trace;
      return spans.length >= spanCount && spans;
    },
    { timeout: 10_000, interval: 25 },
  );
  const order = (span: Span) => span.attributes['cloudflare.invocation.sequence.number'] as number;
  const of = (service: string) =>
    spans.filter(({ resource }) => resource.attributes['service.name'] === service).sort((a, b) => order(a) - order(b));
  return { traceId, answer, spans, caller: of('caller'), callee: of('callee') };
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly custom: string | null;
  readonly body: string;
}

describe('a service binding', () => {
  it('makes one tree: server, client, server', async () => {
    const { traceId, answer, spans, caller, callee } = await ask<Seen>('/binding-text', 3);
    expect(spans).toHaveLength(3);
    const [server, client] = caller;
    expect(server).toMatchObject({ parentSpanId: CALLER_SPAN_ID, kind: 'server', name: 'GET' });
    expect(client).toMatchObject({
      parentSpanId: server!.spanId,
      kind: 'client',
      name: 'GET',
      status: { code: 'unset' },
      scope: { name: 'tailrace/fetch' },
    });
    expect(client!.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.full': 'https://callee/path?token=REDACTED',
      'server.address': 'callee',
      'server.port': 443,
      'cloudflare.binding.type': 'service',
      'cloudflare.binding.name': 'CALLEE',
    });
    expect(callee[0]).toMatchObject({ parentSpanId: client!.spanId, kind: 'server' });
    expect(answer).toMatchObject({ traceparent: `00-${traceId}-${client!.spanId}-01`, tracestate: 'vendor=1' });
    expect(answer.url).toBe('https://callee/path?token=s3cret');
  });

  it('gets the request unharmed: a Request, a URL with init, and an incoming request passed on', async () => {
    const sent = { body: 'sent', custom: 'kept' };
    expect((await ask<Seen>('/binding-request', 3)).answer).toMatchObject({ ...sent, method: 'PUT' });
    expect((await ask<Seen>('/binding-init', 3)).answer).toMatchObject({ ...sent, method: 'POST' });
    const { answer, caller } = await ask<Seen>('/binding-forward', 3, { method: 'PATCH', body: 'streamed' });
    expect(answer).toMatchObject({ method: 'PATCH', body: 'streamed', custom: 'forwarded' });
    // The caller's own traceparent was copied along and had to give way.
    expect(answer.traceparent).toContain(caller[1]!.spanId);
  });

  it('that answers 404 makes an error of the client span alone', async () => {
    const { caller, callee } = await ask('/binding-failing', 3);
    expect([caller[0]!, caller[1]!, callee[0]!].map(({ status }) => status.code)).toEqual(['unset', 'error', 'unset']);
    expect(caller[1]!.attributes).toMatchObject({ 'error.type': '404', 'http.response.status_code': 404 });
  });

  it('called in parallel keeps each answer under its own client span', async () => {
    const { answer, caller, callee } = await ask<Seen[]>('/bindings-parallel', 7);
    const clients = caller.slice(1);
    expect(clients.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(3).fill(caller[0]!.spanId));
    expect(answer.map(({ traceparent }) => traceparent!.split('-')[2])).toEqual(clients.map(({ spanId }) => spanId));
    expect(new Set(callee.map(({ parentSpanId }) => parentSpanId))).toEqual(
      new Set(clients.map((span) => span.spanId)),
    );
  });

  it('does RPC, properties, promise chains and sockets as before, and can be passed on; its fetch has a span', async () => {
    const { answer, caller, spans } = await ask('/rpc', 2);
    expect(answer).toEqual({
      sum: 3,
      property: 42,
      nested: 8,
      fetched: 'arithmetic',
      connects: 'function',
      passedOn: 'arithmetic',
    });
    expect(spans).toHaveLength(2);
    expect(caller[1]!.attributes['cloudflare.binding.name']).toBe('RPC');
  });
});

it('traces a binding that was imported', async () => {
  const { answer, callee } = await ask('/imported', 3);
  expect(answer).toBe(200);
  expect(callee).toHaveLength(1);
});

it('leaves other bindings and the shape of env alone', async () => {
  expect((await ask('/kv', 1)).answer).toBe('value');
  expect((await ask('/bindings-listed', 1)).answer).toEqual({
    names: ['ALLOWED', 'CALLEE', 'EDGE', 'FOREIGN', 'KV', 'RPC'],
    same: true,
    has: true,
  });
});

describe('the global fetch', () => {
  it('has a span, and carries traceparent where that is allowed', async () => {
    const { traceId, answer, caller } = await ask<Seen>('/global-allowed', 2);
    expect(answer).toMatchObject({ traceparent: `00-${traceId}-${caller[1]!.spanId}-01`, custom: 'kept' });
    expect(answer.tracestate).toBe('vendor=1');
    expect(caller[1]!.attributes['url.full']).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/x$/);
  });

  it('has a span, and carries nothing to an origin that was not allowed', async () => {
    const { answer, caller } = await ask<Seen>('/global-foreign', 2);
    expect(answer).toEqual({ traceparent: null, tracestate: null, custom: null });
    expect(caller[1]!.attributes['http.response.status_code']).toBe(200);
  });

  it('that fails rejects as before, and its span says why', async () => {
    const unreachable = await ask('/global-unreachable', 2);
    expect(unreachable.answer).toMatch(/^caught \w*Error$/);
    expect(unreachable.caller[1]!.status.code).toBe('error');
    expect(unreachable.caller[1]!.events[0]!.name).toBe('exception');
    const aborted = await ask('/global-aborted', 2);
    expect(aborted.answer).toBe('caught TimeoutError');
    expect(aborted.caller[1]!.attributes['error.type']).toBe('TimeoutError');
    expect(aborted.caller[1]!.durationUs).toBeGreaterThanOrEqual(49_000);
  });

  it('called with nonsense says so in the words of the runtime, without a span', async () => {
    const { answer, spans } = await ask('/global-nonsense', 1);
    expect(answer).toMatch(/^caught TypeError: .*no url/);
    expect(spans).toHaveLength(1);
  });
});

it('does not trace its own export', async () => {
  const { traces } = (await (await fetch(`${edge.url}/api/traces?limit=1000`)).json()) as TraceList;
  expect(traces).toHaveLength(requests);
  for (const { traceId } of traces) {
    const { spans } = (await (await fetch(`${edge.url}/api/traces/${traceId}`)).json()) as Trace;
    expect(spans.filter(({ attributes }) => String(attributes['url.full']).includes('/v1/traces'))).toEqual([]);
  }
});
