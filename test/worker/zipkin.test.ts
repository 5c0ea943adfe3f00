/** Zipkin's query API in the real runtime. Answers to errors are what zipkin-server 3.4.2 said to the same requests. */
import { exports } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_ANSWER_TRACES } from '../../model/limits.ts';

const START_US = 1_791_000_000_000_000;
const END_MS = START_US / 1000 + 60_000;
const CART = '0000000000000abc0000000000000001';
const ORDER = '00000000000000ff';

const CART_SPANS = [
  {
    traceId: CART,
    id: '0000000000000001',
    kind: 'SERVER',
    name: 'get /cart',
    timestamp: START_US,
    duration: 250_000,
    localEndpoint: { serviceName: 'zweb', ipv4: '10.0.0.1', port: 80 },
    remoteEndpoint: { ipv4: '1.2.3.4', port: 4000 },
    annotations: [{ timestamp: START_US + 5, value: 'cache.miss' }],
    tags: { 'http.method': 'GET', 'http.status_code': '500', 'otel.status_code': 'ERROR', error: 'boom' },
  },
  {
    traceId: CART,
    parentId: '0000000000000001',
    id: '0000000000000002',
    kind: 'CLIENT',
    name: 'reserve',
    timestamp: START_US + 10,
    duration: 200_000,
    localEndpoint: { serviceName: 'zweb' },
    remoteEndpoint: { serviceName: 'zstock' },
  },
  {
    traceId: CART,
    parentId: '0000000000000001',
    id: '0000000000000002',
    kind: 'SERVER',
    name: 'reserve',
    timestamp: START_US + 20,
    duration: 100,
    localEndpoint: { serviceName: 'zstock' },
    tags: { env: '', region: 'é' },
    shared: true,
  },
];
const ORDER_SPANS = [
  {
    traceId: ORDER,
    id: '0000000000000003',
    kind: 'CLIENT',
    name: 'order',
    timestamp: START_US + 1_000_000,
    duration: 900,
    localEndpoint: { serviceName: 'zweb' },
    remoteEndpoint: { serviceName: 'zbank' },
    tags: { 'http.status_code': '200' },
  },
];

function request(method: string, path: string, body?: unknown): Promise<Response> {
  const key = method === 'POST' ? 'test-ingest-key' : 'test-read-key';
  const headers = { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) };
  return exports.default.fetch(
    new Request(`https://edge.test${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }),
  );
}

const get = (path: string) => request('GET', `/zipkin${path}`);

async function answer(path: string): Promise<unknown> {
  const response = await get(path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  return response.json();
}

async function search(params: Record<string, string>): Promise<string[]> {
  const query = new URLSearchParams({ endTs: String(END_MS), lookback: '120000', ...params });
  const traces = (await answer(`/api/v2/traces?${query}`)) as { traceId: string }[][];
  return traces.map((spans) => spans[0]!.traceId);
}

beforeAll(async () => {
  const sent = await request('POST', '/api/v2/spans', [...CART_SPANS, ...ORDER_SPANS]);
  expect(sent.status).toBe(202);
  // The same attribute with types, as OpenTelemetry's SDKs send it.
  const otlp = await request('POST', '/v1/traces', {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'zotel' } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: '00000000000000000000000000000777',
                spanId: '0000000000000777',
                name: 'typed',
                startTimeUnixNano: `${START_US}000`,
                endTimeUnixNano: `${START_US + 7}000`,
                attributes: [
                  { key: 'http.status_code', value: { intValue: '500' } },
                  { key: 'hit', value: { boolValue: true } },
                  { key: 'user', value: { intValue: '9007199254740993' } },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
  expect(otlp.status).toBe(200);
});

describe('names', () => {
  it('of services, their spans and whom they call', async () => {
    expect(await answer('/api/v2/services')).toEqual(expect.arrayContaining(['zotel', 'zstock', 'zweb']));
    expect(await answer('/api/v2/spans?serviceName=zweb')).toEqual(['get /cart', 'order', 'reserve']);
    expect(await answer('/api/v2/spans?serviceName=none')).toEqual([]);
    expect(await answer('/api/v2/remoteServices?serviceName=none')).toEqual([]);
    expect(await answer('/api/v2/autocompleteKeys')).toEqual([]);
    expect(await answer('/api/v2/autocompleteValues?key=env')).toEqual([]);
    expect(await answer('/config.json')).toMatchObject({ queryLimit: 10, searchEnabled: true });
  });
});

describe('GET /api/v2/trace/{id}', () => {
  it('answers what was sent', async () => {
    expect(await answer(`/api/v2/trace/${CART}`)).toEqual(CART_SPANS);
    expect(await answer('/api/v2/trace/abc0000000000000001')).toEqual(CART_SPANS);
    const [order] = ORDER_SPANS;
    expect(await answer('/api/v2/trace/ff')).toEqual([order]);
  });

  it('answers many, in the order of the ids', async () => {
    expect(await answer(`/api/v2/traceMany?traceIds=${ORDER},1,${CART}`)).toEqual([ORDER_SPANS, CART_SPANS]);
  });
});

describe('GET /api/v2/traces', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['a service', { serviceName: 'zweb' }, [ORDER, CART]],
    ['a service and a span of it', { serviceName: 'zstock', spanName: 'reserve' }, [CART]],
    ['a span of another service', { serviceName: 'zstock', spanName: 'get /cart' }, []],
    ['all spans', { serviceName: 'zstock', spanName: 'all' }, [CART]],
    ['a remote service that sends spans', { serviceName: 'zweb', remoteServiceName: 'zstock' }, [CART]],
    ['a remote service that does not', { serviceName: 'zweb', remoteServiceName: 'zbank' }, [ORDER]],
    ['a tag', { annotationQuery: 'http.method=GET' }, [CART]],
    ['a tag that is there', { annotationQuery: 'env' }, [CART]],
    ['a tag of no value', { annotationQuery: 'env=' }, [CART]],
    ['several tags', { annotationQuery: 'region=é and http.status_code=500' }, [CART]],
    ['several tags of which one is another', { annotationQuery: 'region=é and http.status_code=200' }, []],
    ['text and number alike', { annotationQuery: 'http.status_code=500' }, [CART, '0000000000000777']],
    ['a bool', { annotationQuery: 'hit=true' }, ['0000000000000777']],
    ['a large number', { annotationQuery: 'user=9007199254740993' }, ['0000000000000777']],
    ['a failure', { annotationQuery: 'error' }, [CART]],
    ['what the failure says', { annotationQuery: 'error=boom' }, [CART]],
    ['a failure that says something else', { annotationQuery: 'otel.status_code=ERROR and error=bang' }, []],
    ['at least a time', { serviceName: 'zweb', minDuration: '1000' }, [CART]],
    ['a range of times', { serviceName: 'zweb', minDuration: '800', maxDuration: '1000' }, [ORDER]],
    ['as many as are wanted', { serviceName: 'zweb', limit: '1' }, [ORDER]],
    ['more than are ever given', { serviceName: 'zweb', limit: String(10 * MAX_ANSWER_TRACES) }, [ORDER, CART]],
    ['another time', { serviceName: 'zweb', endTs: String(START_US / 1000), lookback: '1000' }, [CART]],
  ])('finds %s', async (_, params, expected) => {
    // Live and kept alike; the traces of no other test begin then.
    expect((await search(params)).sort()).toEqual(expected.sort());
  });

  it('answers all spans of what it finds', async () => {
    const query = new URLSearchParams({ endTs: String(END_MS), serviceName: 'zweb' });
    expect(await answer(`/api/v2/traces?${query}`)).toEqual([ORDER_SPANS, CART_SPANS]);
  });
});

it.each<[string, number, string]>([
  ['/api/v2/spans', 400, 'Mandatory parameter/header/attribute is missing: serviceName'],
  ['/api/v2/remoteServices', 400, 'Mandatory parameter/header/attribute is missing: serviceName'],
  ['/api/v2/traces?limit=x', 400, 'For input string: "x"'],
  ['/api/v2/traces?limit=', 400, 'Cannot set null to primitive type parameter: limit'],
  ['/api/v2/traces?limit=0', 400, 'limit <= 0'],
  ['/api/v2/traces?limit=-1', 400, 'limit <= 0'],
  ['/api/v2/traces?minDuration=abc', 400, 'For input string: "abc"'],
  ['/api/v2/traces?minDuration=0', 400, 'minDuration <= 0'],
  ['/api/v2/traces?minDuration=-5', 400, 'minDuration <= 0'],
  ['/api/v2/traces?maxDuration=5', 400, 'maxDuration is only valid with minDuration'],
  ['/api/v2/traces?minDuration=10&maxDuration=5', 400, 'maxDuration < minDuration'],
  ['/api/v2/traces?endTs=0', 400, 'endTs <= 0'],
  ['/api/v2/traces?endTs=x', 400, 'For input string: "x"'],
  ['/api/v2/traces?lookback=0', 400, 'lookback <= 0'],
  ['/api/v2/trace/1', 404, '0000000000000001 not found'],
  ['/api/v2/trace/0000000000000001', 404, '0000000000000001 not found'],
  ['/api/v2/trace/xyz', 400, 'xyz should be lower-hex encoded with no prefix'],
  ['/api/v2/trace/A0000000000000001', 400, 'A0000000000000001 should be lower-hex encoded with no prefix'],
  ['/api/v2/trace/%20', 400, 'traceId is empty'],
  ['/api/v2/trace/0', 400, 'traceId is all zeros'],
  ['/api/v2/trace/0000000000000000000000000000000000001', 400, 'traceId.length > 32'],
  ['/api/v2/traceMany', 400, 'Mandatory parameter/header/attribute is missing: traceIds'],
  ['/api/v2/traceMany?traceIds=', 400, 'traceIds parameter is empty'],
  ['/api/v2/traceMany?traceIds=1', 400, 'Use /api/v2/trace/{traceId} endpoint to retrieve a single trace'],
  ['/api/v2/traceMany?traceIds=1,1', 400, 'redundant traceId: 1'],
  ['/api/v2/traceMany?traceIds=0000000000000002,2', 400, 'redundant traceId: 2'],
  ['/api/v2/traceMany?traceIds=xx,2', 400, 'xx should be lower-hex encoded with no prefix'],
  ['/api/v2/dependencies', 400, 'Mandatory parameter/header/attribute is missing: endTs'],
  ['/api/v2/dependencies?endTs=0', 400, 'endTs <= 0'],
  ['/api/v2/dependencies?endTs=x', 400, 'For input string: "x"'],
  ['/api/v2/dependencies?endTs=1795290061000&lookback=0', 400, 'lookback <= 0'],
  ['/api/v2/autocompleteValues', 400, 'Mandatory parameter/header/attribute is missing: key'],
  ['/api/v2/autocompleteValues?key=', 400, 'key was empty'],
  ['/api/v2/nothing', 404, '404 Not Found'],
  [`/api/v2/traces?annotationQuery=${'a and '.repeat(32)}b`, 400, 'annotationQuery has more than 32 conditions'],
  // Zipkin finds nothing then, without a word.
  ['/api/v2/traces?annotationQuery=%3D2', 400, 'annotationQuery has "=2", which has no key'],
])('%s is %d: %s', async (path, status, message) => {
  const response = await get(path);
  expect([response.status, await response.text()]).toEqual([status, message]);
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
});

it.each<[string, Record<string, string>, number]>([
  ['nothing', {}, 401],
  ['another key', { authorization: 'Bearer test-ingest-key' }, 401],
  ['a read key', { authorization: 'Bearer test-read-key' }, 200],
  ['a read key as a password', { authorization: `Basic ${btoa('grafana:test-read-key')}` }, 200],
  ['another key as a password', { authorization: `Basic ${btoa('grafana:test-ingest-key')}` }, 401],
  ['no password', { authorization: `Basic ${btoa('test-read-key')}` }, 401],
  ['no base64', { authorization: 'Basic *' }, 401],
])('asks for a read key: %s', async (_, headers, status) => {
  const asked = await exports.default.fetch(new Request('https://edge.test/zipkin/api/v2/services', { headers }));
  expect(asked.status).toBe(status);
});
