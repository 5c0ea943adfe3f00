/** Senders that nobody here wrote, against the edge as it is built. */

import { execFile } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import zipkin from 'zipkin';
import zipkinHttp from 'zipkin-transport-http';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import { TraceService } from '../../model/otlp/gen/trace_service_pb.js';
import type { Trace } from '../../model/span.ts';
import { type LocalEdge, startLocal } from '../../scripts/local.ts';
import { ROOT } from '../../scripts/run.ts';
import { otlp, randomTraceId, spanId, TEST_START_US } from '../kit/spans.ts';
import { otlpJson } from './fixtures/otlp-json.ts';

const KEYS = { TAILRACE_INGEST_KEY: 'senders-ingest', TAILRACE_READ_KEY: 'senders-read' };
const KEY = { authorization: `Bearer ${KEYS.TAILRACE_INGEST_KEY}` };
const execute = promisify(execFile);

let edge: LocalEdge;
const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-senders-'));
beforeAll(async () => {
  edge = await startLocal({ stateDir, vars: KEYS });
});
afterAll(async () => {
  await edge.close();
  rmSync(stateDir, { recursive: true, force: true });
});

async function spansOf(traceId: string): Promise<Trace['spans']> {
  const headers = { authorization: `Bearer ${KEYS.TAILRACE_READ_KEY}` };
  const response = await fetch(`${edge.url}/api/traces/${traceId}`, { headers });
  expect(response.status).toBe(200);
  return ((await response.json()) as Trace).spans;
}

/** Why a program cannot be used here, or null. */
async function missing(program: string, args: readonly string[]): Promise<string | null> {
  return await execute(program, args).then(
    () => null,
    (error: Error) => `${program} cannot be used: ${error.message.split('\n')[0]}`,
  );
}

describe("Zipkin's reporter for JavaScript", () => {
  it('sends both halves of a call under one id', async () => {
    const sent = Promise.withResolvers<void>();
    const logger = new zipkinHttp.HttpLogger({
      endpoint: `${edge.url}/api/v2/spans`,
      jsonEncoder: zipkin.jsonEncoder.JSON_V2,
      headers: KEY,
      httpInterval: 50,
      log: console,
    });
    // Its types do not say that it is one.
    const events = logger as unknown as EventEmitter;
    events.on('success', () => sent.resolve());
    events.on('error', (error: Error) => sent.reject(error));
    const recorder = new zipkin.BatchRecorder({ logger });
    const tracerOf = (localServiceName: string) =>
      new zipkin.Tracer({ ctxImpl: new zipkin.ExplicitContext(), recorder, localServiceName, traceId128Bit: true });
    const [client, server] = [tracerOf('web'), tracerOf('api')];
    const id = client.createRootId();
    const record = (tracer: zipkin.Tracer, annotation: zipkin.IAnnotation) =>
      tracer.letId(id, () => tracer.recordAnnotation(annotation));
    const { Annotation } = zipkin;
    record(client, new Annotation.ServiceName('web'));
    record(client, new Annotation.Rpc('get'));
    record(client, new Annotation.ClientSend());
    record(client, new Annotation.BinaryAnnotation('http.path', '/'));
    record(client, new Annotation.ClientRecv());
    const serverId = new zipkin.TraceId({ ...rootId(id), shared: true } as never);
    const inServer = (annotation: zipkin.IAnnotation) =>
      server.letId(serverId, () => server.recordAnnotation(annotation));
    inServer(new Annotation.ServiceName('api'));
    inServer(new Annotation.Rpc('get'));
    inServer(new Annotation.ServerRecv());
    inServer(new Annotation.ServerSend());
    await sent.promise;
    const spans = await spansOf(id.traceId);
    expect(spans.map(({ spanId: span, kind, resource }) => [span, kind, resource.attributes['service.name']])).toEqual(
      expect.arrayContaining([
        [id.spanId, 'client', 'web'],
        [id.spanId, 'server', 'api'],
      ]),
    );
    expect(spans.find(({ kind }) => kind === 'client')!.attributes).toMatchObject({ 'http.path': '/' });
  });
});

/** What the constructor of a root span's id takes. */
function rootId({ traceId, spanId: id, sampled }: zipkin.TraceId): object {
  const { Some, None } = zipkin.option;
  return { traceId: new Some(traceId), parentId: None, spanId: id, sampled };
}

it.each([
  ["connect-web's gRPC-Web transport", createGrpcWebTransport, {}],
  ["connect-web's Connect transport in protobuf", createConnectTransport, { useBinaryFormat: true }],
  ["connect-web's Connect transport in JSON", createConnectTransport, {}],
])('%s', async (_, createTransport, options) => {
  const id = randomTraceId();
  const client = createClient(TraceService, createTransport({ baseUrl: edge.url, ...options }));
  const request = fromBinary(
    TracesDataSchema,
    otlp([
      { traceId: id, id: 1 },
      { traceId: id, id: 2, parent: 1 },
    ]),
  );
  const refused = await client.export(request).catch((error: Error) => error);
  expect(String(refused)).toContain('an ingest key is required');
  expect(await client.export(request, { headers: KEY })).not.toHaveProperty('partialSuccess.rejectedSpans');
  expect(await spansOf(id)).toHaveLength(2);
});

it('curl with OTLP/JSON', async (context) => {
  const reason = await missing('curl', ['--version']);
  if (reason) context.skip(reason);
  const id = randomTraceId();
  const body = otlpJson([{ traceId: id, id: 1, startUs: TEST_START_US }]);
  const headers = Object.entries({ ...KEY, 'content-type': 'application/json' });
  const flags = headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { stdout } = await execute('curl', ['-sS', '--fail-with-body', ...flags, '-d', body, `${edge.url}/v1/traces`]);
  expect(stdout).toBe('{}');
  expect(await spansOf(id)).toMatchObject([{ spanId: spanId(1), startUs: TEST_START_US }]);
});

describe("OpenTelemetry's SDK for Python", () => {
  const python = join(stateDir, 'python', 'bin', 'python');
  let reason: string | null;
  beforeAll(async () => {
    const packages = ['opentelemetry-sdk', 'opentelemetry-exporter-otlp-proto-http'];
    reason =
      (await missing('python3', ['-m', 'venv', join(stateDir, 'python')])) ??
      (await missing(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...packages]));
    if (reason) console.log(reason);
  });

  it.for([
    ['as it is', []],
    ['with gzip', ['gzip']],
  ] as const)('sends a trace %s', async ([, compression], context) => {
    if (reason) context.skip(reason);
    const script = join(ROOT, 'test', 'pipeline', 'fixtures', 'otel-python.py');
    const { stdout } = await execute(python, [script, edge.url, KEYS.TAILRACE_INGEST_KEY, ...compression]);
    const [parent, child] = await spansOf(stdout.trim());
    expect(parent).toMatchObject({
      name: 'parent',
      kind: 'server',
      resource: { attributes: { 'service.name': 'python' } },
    });
    expect(child).toMatchObject({
      name: 'child ☃',
      parentSpanId: parent!.spanId,
      attributes: { n: 7, list: ['a', 'b'], half: 0.5 },
      events: [{ name: 'tick', attributes: { i: 1 } }],
      status: { code: 'error', message: 'broke' },
      scope: { name: 'senders', version: '1.0' },
    });
  });
});
