import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fromBinary, type Message } from '@bufbuild/protobuf';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { type Span as OtlpSpan, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import type { Trace } from '../../../model/span.ts';
import { ROOT } from '../../../scripts/run.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';

declare global {
  var initOtlp: typeof import('../../../client/otlp/index.ts').init;
}

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  shared: ISOLATED,
  copied: {},
  page: { 'content-security-policy': "worker-src 'none'" },
};

let browser: Browser;
let edge: TestEdge;
let pages: Server;
let endpoint: Server;
let received: { spans: OtlpSpan[]; service: unknown; authorization: string | undefined }[];
let failing = 0;

const originOf = (server: Server) => `http://localhost:${(server.address() as AddressInfo).port}`;
const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));

/** Any message in the tree that had a field which the OTLP schema does not know. */
function unknownFields(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(unknownFields);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const unknown = (value as Message).$unknown ?? [];
  return [...unknown, ...Object.values(value).flatMap(unknownFields)];
}

beforeAll(async () => {
  received = [];
  pages = createServer(async ({ url = '/' }, response) => {
    const kind = url.slice(1);
    if (kind in KINDS) {
      const page = `<!doctype html><title>page</title><link rel="icon" href="data:,">
        <script type="module">import { init } from '/otlp.js'; globalThis.initOtlp = init;</script>`;
      response.writeHead(200, { 'content-type': 'text/html', ...KINDS[kind] }).end(page);
      return;
    }
    const script = await readFile(join(ROOT, 'dist/sdk', url)).catch(() => null);
    const headers = { 'content-type': 'text/javascript', 'cross-origin-embedder-policy': 'require-corp' };
    response.writeHead(script ? 200 : 404, headers).end(script);
  });
  endpoint = createServer(async (request, response) => {
    const cors = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'content-type, authorization',
      'cross-origin-resource-policy': 'cross-origin',
    };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method === 'OPTIONS') {
      response.writeHead(204, cors).end();
      return;
    }
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') {
      response.writeHead(400, cors).end();
      return;
    }
    if (failing > 0) {
      failing--;
      response.writeHead(503, cors).end();
      return;
    }
    // `ExportTraceServiceRequest` has the same fields.
    const message = fromBinary(TracesDataSchema, Buffer.concat(chunks));
    if (unknownFields(message).length > 0 || message.resourceSpans.length !== 1) {
      response.writeHead(400, cors).end();
      return;
    }
    const [{ resource, scopeSpans }] = message.resourceSpans as [(typeof message.resourceSpans)[0]];
    received.push({
      spans: scopeSpans.flatMap(({ spans }) => spans),
      service: resource!.attributes.find(({ key }) => key === 'service.name')?.value?.value.value,
      authorization: request.headers.authorization,
    });
    response.writeHead(200, { ...cors, 'content-type': 'application/x-protobuf' }).end();
  });
  await Promise.all([listen(pages), listen(endpoint)]);
  [browser, edge] = await Promise.all([launchChromium(), startEdge()]);
});
afterAll(async () => {
  for (const server of [pages, endpoint]) {
    server?.closeAllConnections();
    server?.close();
  }
  await Promise.all([browser?.close(), edge?.close()]);
});

async function open(kind: string, to: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${originOf(pages)}/${kind}`);
  await page.evaluate((to) => {
    globalThis.sdk = initOtlp({
      serviceName: 'shop',
      endpoint: to,
      key: 'secret',
      instrument: { documentLoad: false },
    }) as typeof sdk;
  }, to);
  return page;
}

/** Records a root and its children, and an open span; the trace's id. */
const record = (page: Page, children: number, next?: string) =>
  page.evaluate(
    ({ children, next }) => {
      const { tracer } = sdk;
      const root = tracer.startSpan('checkout', { parent: null, attributes: { n: 1, list: ['a', 'ö'], yes: true } });
      tracer.startSpan('open', { parent: root });
      for (let i = 0; i < children; i++) {
        tracer
          .startSpan(`step ${i}`, { parent: root, kind: 'client' })
          .addEvent('e', { i })
          .setStatus('error', 'no')
          .end();
      }
      root.end();
      if (next) location.assign(next);
      return root.context.traceId;
    },
    { children, next },
  );

const arrived = (traceId: string, count: number) =>
  vi.waitFor(
    () => {
      const spans = received.flatMap(({ spans }) => spans).filter((span) => formatHex(span.traceId) === traceId);
      expect(new Set(spans.map(({ spanId }) => formatHex(spanId))).size).toBe(count);
      return spans;
    },
    { timeout: 15_000, interval: 50 },
  );

describe('OTLP to any endpoint', () => {
  it.each(Object.keys(KINDS))('is sent in mode %s, and is what the schema says', async (kind) => {
    const page = await open(kind, originOf(endpoint));
    const traceId = await record(page, 3);
    await page.evaluate(() => sdk.flush());
    const spans = await arrived(traceId, 4);
    expect(await page.evaluate(() => sdk.mode)).toBe(kind);
    expect(received.at(-1)).toMatchObject({ service: 'shop', authorization: 'Bearer secret' });
    const root = spans.find(({ name }) => name === 'checkout')!;
    const child = spans.find(({ name }) => name === 'step 0')!;
    expect(child).toMatchObject({ kind: 3, status: { code: 2, message: 'no' }, events: [{ name: 'e' }] });
    expect(formatHex(child.parentSpanId)).toBe(formatHex(root.spanId));
    expect(root.endTimeUnixNano).toBeGreaterThanOrEqual(root.startTimeUnixNano);
    expect(Math.abs(Number(root.startTimeUnixNano / 1_000_000n) - Date.now())).toBeLessThan(60_000);
    await page.close();
  });

  it('is resent after a failure', async () => {
    const page = await open('copied', originOf(endpoint));
    failing = 2;
    const traceId = await record(page, 1);
    await page.evaluate(() => sdk.flush());
    await arrived(traceId, 2);
    expect(failing).toBe(0);
    await page.close();
  });

  it.each([10, 600])('is sent when the page is left at once, %i spans', async (children) => {
    const page = await open('copied', originOf(endpoint));
    await record(page, 0);
    await page.evaluate(() => sdk.flush());
    const traceId = await record(page, children, '/page');
    await page.waitForURL('**/page');
    // What does not fit into what a page may have in flight is there after the next visit.
    const next = await open('copied', originOf(endpoint));
    await record(next, 0);
    await next.evaluate(() => sdk.flush());
    await arrived(traceId, children + 1);
    await Promise.all([page.close(), next.close()]);
  });

  it('is taken by our own edge', async () => {
    const page = await open('copied', edge.url);
    const traceId = await record(page, 2);
    await page.evaluate(() => sdk.flush());
    const trace = await vi.waitFor(
      async () => {
        const answer = await fetch(`${edge.url}/api/traces/${traceId}`);
        expect(answer.status).toBe(200);
        return (await answer.json()) as Trace;
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(trace.spans.map(({ name }) => name).sort()).toEqual(['checkout', 'step 0', 'step 1']);
    expect(trace.spans.find(({ name }) => name === 'checkout')).toMatchObject({
      attributes: { n: 1, list: ['a', 'ö'], yes: true },
      resource: { attributes: { 'service.name': 'shop' } },
    });
    await page.close();
  });
});
