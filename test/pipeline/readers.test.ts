/** Clients of Jaeger and Zipkin that nobody here wrote, against the edge as it is built. */

import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LocalEdge, startLocal } from '../../scripts/local.ts';
import { ROOT } from '../../scripts/run.ts';
import { launchChromium } from '../kit/chromium.ts';

const KEYS = { TAILRACE_INGEST_KEY: 'readers-ingest', TAILRACE_READ_KEY: 'readers-read' };
/** Traces are decided, and so counted, as soon as they are complete. */
const CONFIG = { quietMs: 0, alarmMs: 100, completion: { minQuietMs: 0, maxQuietMs: 0 } };
const FIXTURES = join(ROOT, 'test', 'pipeline', 'fixtures', 'readers');
const MAVEN = ['-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'];
const LENS = 'zipkin-server/3.4.2/zipkin-server-3.4.2-exec.jar';
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

const TRACE = '0000000000000fed0000000000000001';
const START_US = (Math.floor(Date.now() / 1000) - 5) * 1_000_000;
const SPANS = [
  {
    traceId: TRACE,
    id: '0000000000000001',
    kind: 'SERVER',
    name: 'get /cart',
    timestamp: START_US,
    duration: 250_000,
    localEndpoint: { serviceName: 'web', ipv4: '10.0.0.1', port: 80 },
    remoteEndpoint: { ipv6: '2001:db8::c001' },
    annotations: [{ timestamp: START_US + 5, value: 'cache.miss' }],
    tags: { error: 'böom', 'http.method': 'GET', 'otel.status_code': 'ERROR' },
  },
  {
    traceId: TRACE,
    parentId: '0000000000000001',
    id: '0000000000000002',
    kind: 'CLIENT',
    name: 'reserve',
    timestamp: START_US + 10,
    duration: 200_000,
    localEndpoint: { serviceName: 'web' },
    remoteEndpoint: { serviceName: 'stock' },
  },
  {
    traceId: TRACE,
    parentId: '0000000000000001',
    id: '0000000000000002',
    kind: 'SERVER',
    name: 'reserve',
    timestamp: START_US + 20,
    duration: 100,
    localEndpoint: { serviceName: 'stock' },
    shared: true,
  },
];

const execute = promisify(execFile);
const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-readers-'));
let edge: LocalEdge;

beforeAll(async () => {
  edge = await startLocal({ stateDir, vars: { ...KEYS, TAILRACE_CONFIG: JSON.stringify(CONFIG) } });
  const headers = { authorization: `Bearer ${KEYS.TAILRACE_INGEST_KEY}`, 'content-type': 'application/json' };
  const sent = await fetch(`${edge.url}/api/v2/spans`, { method: 'POST', headers, body: JSON.stringify(SPANS) });
  expect(sent.status).toBe(202);
  await vi.waitFor(async () => expect(await read('/zipkin/api/v2/remoteServices?serviceName=web')).toEqual(['stock']), {
    timeout: 30_000,
  });
});
afterAll(async () => {
  await edge.close();
  rmSync(stateDir, { recursive: true, force: true });
});

async function read(path: string): Promise<unknown> {
  const response = await fetch(`${edge.url}${path}`, {
    headers: { authorization: `Bearer ${KEYS.TAILRACE_READ_KEY}` },
  });
  return response.json();
}

/** Why a program cannot be used here, or null. */
async function missing(program: string, args: readonly string[], cwd = stateDir): Promise<string | null> {
  return await execute(program, args, { cwd, timeout: 240_000 }).then(
    () => null,
    (error: Error) => `${program} cannot be used: ${error.message.split('\n').slice(0, 2).join(' ')}`,
  );
}

describe("Zipkin's codecs for Java", () => {
  const jar = join(stateDir, 'zipkin-3.4.2.jar');
  let reason: string | null;
  beforeAll(async () => {
    const copy = [...MAVEN, '-Dartifact=io.zipkin.zipkin2:zipkin:3.4.2', `-DoutputDirectory=${stateDir}`];
    reason = (await missing('java', ['--version'])) ?? (await missing('mvn', copy));
    if (reason) console.log(reason);
  }, 300_000);

  it('understand a trace and dependencies', async (context) => {
    if (reason) context.skip(reason);
    const program = join(FIXTURES, 'ZipkinReader.java');
    const args = ['-cp', jar, program, `${edge.url}/zipkin`, KEYS.TAILRACE_READ_KEY, TRACE];
    const { stdout } = await execute('java', ['-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', ...args]);
    expect(JSON.parse(stdout)).toEqual({
      trace: SPANS,
      links: [{ parent: 'web', child: 'stock', callCount: 1 }],
    });
  });
});

describe("Jaeger's types for Go", () => {
  const program = join(stateDir, 'jaeger');
  let reason: string | null;
  beforeAll(async () => {
    cpSync(join(FIXTURES, 'jaeger'), program, { recursive: true });
    // The sums of its modules are of no interest to anybody but Go.
    reason = await missing('go', ['build', '-mod=mod', '-o', 'reader', '.'], program);
    if (reason) console.log(reason);
  }, 300_000);

  it('understand traces, OTLP, dependencies and metrics', async (context) => {
    if (reason) context.skip(reason);
    const args = [`${edge.url}/jaeger`, KEYS.TAILRACE_READ_KEY, TRACE, 'web'];
    const { stdout } = await execute(join(program, 'reader'), args);
    expect(JSON.parse(stdout)).toEqual({
      services: ['stock', 'web'],
      operations: [
        { name: 'get /cart', spanKind: 'server' },
        { name: 'reserve', spanKind: 'client' },
      ],
      names: {
        '0000000000000001': 'web get /cart',
        '0000000000000002': 'web reserve',
        '0000000000000003': 'stock reserve',
      },
      links: [{ parent: 'web', child: 'stock', callCount: 1 }],
      otlpSpans: 3,
      family: 'service_call_rate',
      points: 61,
    });
  });
});

describe("Zipkin's own page, Lens", () => {
  const jar = join(homedir(), '.m2', 'repository', 'io', 'zipkin', LENS);
  const lens = join(stateDir, 'lens');
  let reason: string | null;
  let server: Server;
  beforeAll(async () => {
    mkdirSync(lens);
    const inner = join(stateDir, 'BOOT-INF', 'lib', 'zipkin-lens-3.4.2.jar');
    reason = existsSync(jar)
      ? ((await missing('unzip', ['-q', jar, 'BOOT-INF/lib/zipkin-lens-*'])) ??
        (await missing('unzip', ['-q', inner, '-d', lens])))
      : `Zipkin's server is not there: mvn dependency:get -Dartifact=io.zipkin:zipkin-server:3.4.2:jar:exec -Dtransitive=false`;
    if (reason) console.log(reason);
    server = createServer(async (request, response) => {
      const path = new URL(request.url!, 'http://lens').pathname;
      if (path.startsWith('/zipkin/api/') || path === '/zipkin/config.json') {
        const headers = { authorization: `Bearer ${KEYS.TAILRACE_READ_KEY}` };
        const answer = await fetch(`${edge.url}${request.url}`, { headers });
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! });
        response.end(await answer.text());
        return;
      }
      const file = join(lens, 'zipkin-lens', path.replace(/^\/zipkin\//, ''));
      const shown = extname(file) && existsSync(file) ? file : join(lens, 'zipkin-lens', 'index.html');
      response.writeHead(200, { 'content-type': TYPES[extname(shown)] ?? 'application/octet-stream' });
      response.end(readFileSync(shown));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });
  afterAll(() => new Promise((done) => server.close(done)));

  it('finds the trace, shows it, and draws the dependencies', async (context) => {
    if (reason) context.skip(reason);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const errors: Error[] = [];
      page.on('pageerror', (error) => errors.push(error));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/zipkin`;
      await page.goto(`${url}/?serviceName=web&tags=error&lookback=15m`);
      await page.getByRole('button', { name: 'Run Query' }).click();
      await page.getByText('get /cart').first().waitFor();
      await page.goto(`${url}/traces/${TRACE}`);
      await page.getByText('reserve').first().waitFor();
      expect(await page.getByText('böom').count()).toBeGreaterThan(0);
      await page.goto(`${url}/dependency`);
      await page.getByRole('button', { name: 'Run Query' }).click();
      // The graph is a canvas; what can be filtered for is what it has.
      await page.getByRole('combobox').click();
      await page.getByRole('option', { name: 'stock' }).waitFor();
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
