/**
 * Jaeger's query API in the real runtime. `fixtures/jaeger-answers.json` has spans and what the handlers of Jaeger 1.62 answered of
 * them; answers to errors are what they said to the same requests, but where a comment says otherwise.
 */
import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_ANSWER_TRACES } from '../../model/limits.ts';
import { randomTraceId } from '../kit/spans.ts';
import golden from './fixtures/jaeger-answers.json';

const CART = '0000000000000abc00ff000000000001';
const ORDER = '05ff000000000001';
const START_US = 1_791_100_000_000_000;
const RANGE = { start: String(START_US - 1_000_000), end: String(START_US + 1_000_000) };
const V3_RANGE = {
  'query.startTimeMin': new Date(START_US / 1000 - 1_000).toISOString(),
  'query.startTimeMax': new Date(START_US / 1000 + 1_000).toISOString(),
};

async function post(body: unknown): Promise<void> {
  const headers = { authorization: 'Bearer test-ingest-key', 'content-type': 'application/json' };
  const request = new Request('https://edge.test/v1/traces', { method: 'POST', headers, body: JSON.stringify(body) });
  expect((await exports.default.fetch(request)).status).toBe(200);
}

function get(path: string, headers: HeadersInit = { authorization: 'Bearer test-read-key' }): Promise<Response> {
  return exports.default.fetch(new Request(`https://edge.test/jaeger${path}`, { headers }));
}

async function answer<T = unknown>(path: string): Promise<T> {
  const response = await get(path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  return response.json<T>();
}

interface Envelope {
  readonly data: readonly { readonly traceID: string; readonly spans: readonly JaegerSpan[] }[];
  readonly errors: unknown;
}

interface JaegerSpan {
  readonly spanID: string;
  readonly tags: readonly { readonly key: string }[];
}

/** Jaeger sorts tags by key, or not, by version; its memory has spans in any order. */
function sorted({ data, ...rest }: Envelope): unknown {
  const traces = data.map((trace) => ({
    ...trace,
    spans: trace.spans
      .map((span) => ({ ...span, tags: span.tags.toSorted((a, b) => (a.key < b.key ? -1 : 1)) }))
      .sort((a, b) => (a.spanID < b.spanID ? -1 : 1)),
  }));
  return { ...rest, data: traces };
}

async function find(params: Record<string, string>): Promise<string[]> {
  const { data } = await answer<Envelope>(
    `/api/traces?${new URLSearchParams({ service: 'jweb', ...RANGE, ...params })}`,
  );
  return data.map(({ traceID }) => traceID);
}

async function findV3(params: Record<string, string>): Promise<string[]> {
  const { summaries } = await answer<{ summaries: { traceId: string }[] }>(
    `/api/v3/trace-summaries?${new URLSearchParams({ 'query.serviceName': 'jweb', ...V3_RANGE, ...params })}`,
  );
  return summaries.map(({ traceId }) => traceId);
}

beforeAll(() => post(golden.otlp));

describe('names', () => {
  it('of services and their operations', async () => {
    const { data, ...envelope } = await answer<{ data: string[]; total: number }>('/api/services');
    expect(data).toEqual(expect.arrayContaining(['jstock', 'jweb']));
    expect(envelope).toEqual({ total: data.length, limit: 0, offset: 0, errors: null });
    const names = { data: ['GET /cart', 'order', 'reserve'], total: 3, limit: 0, offset: 0, errors: null };
    expect(await answer('/api/services/jweb/operations')).toEqual(names);
    expect(await answer('/api/services/none/operations')).toEqual({ ...names, data: [], total: 0 });
    expect((await answer<{ services: string[] }>('/api/v3/services')).services).toEqual(data);
  });
});

describe('GET /api/traces/{id}', () => {
  it.each([CART, CART.toUpperCase(), CART.replace(/^0+/, ''), `${CART}?raw=true`, `${CART}?start=1&end=2`])(
    'answers %s as Jaeger does',
    async (id) => {
      expect(sorted(await answer(`/api/traces/${id}`))).toEqual(sorted(golden.v1));
    },
  );

  it('writes an id of 64 bits as 16 digits', async () => {
    expect(sorted(await answer(`/api/traces/${ORDER}`))).toEqual(sorted(golden.v1Short));
    expect(golden.v1Short.data[0]!.traceID).toBe(ORDER);
  });

  it('answers OTLP as Jaeger does', async () => {
    // Version 2 leaves out a parent that is none, and we objects that the sender left out.
    const text = JSON.stringify(golden.v3.result.resourceSpans).replaceAll(
      /"parentSpanId":"",|"scope":\{\},|,"status":\{\}/g,
      '',
    );
    // 1.62 says by an attribute what kind of reference it took the link for.
    const expected = JSON.parse(text.replace(/,"attributes":\[\{"key":"opentracing.ref_type"[^\]]*\]/, ''));
    const { result } = await answer<{ result: { resourceSpans: unknown } }>(`/api/v3/traces/${CART}`);
    expect(result.resourceSpans).toEqual(expected);
  });

  it('answers many, and says which are not there', async () => {
    const several = await answer<Envelope>(`/api/traces?traceID=1&traceID=${ORDER}&traceID=${CART}&traceID=${ORDER}`);
    expect(several.data.map(({ traceID }) => traceID)).toEqual([ORDER, CART]);
    expect(several.errors).toEqual([{ msg: 'trace not found', traceID: '0000000000000001' }]);
  });
});

describe('search', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['a service', {}, [ORDER, CART]],
    ['another service', { service: 'jstock' }, [CART]],
    ['an operation of it', { operation: 'order' }, [ORDER]],
    ['an operation of another', { service: 'jstock', operation: 'order' }, []],
    ['an int', { tags: '{"http.response.status_code":"500"}' }, [CART]],
    ['another int', { tags: '{"http.response.status_code":"501"}' }, []],
    ['a bool and a double', { tags: '{"hit":"true","load":"0.5"}' }, [CART]],
    ['a double in other digits', { tags: '{"load":"0.50"}' }, [CART]],
    ['text', { tags: '{"host.name":"h1"}' }, [CART]],
    ['a failure', { tags: '{"error":"true"}' }, [CART]],
    ['its status', { tags: '{"otel.status_code":"ERROR"}' }, [CART]],
    ['no tags', { tags: 'null' }, [ORDER, CART]],
    ['at least a time', { minDuration: '1.5ms' }, [CART]],
    ['at most a time', { maxDuration: '900us' }, [ORDER]],
    ['a sum of units', { minDuration: '0h0m0.25s' }, [CART]],
    ['no bounds', { minDuration: '0s', maxDuration: '0' }, [ORDER, CART]],
    ['the newest', { limit: '1' }, [ORDER]],
    ['as many as there can be', { limit: '0' }, [ORDER, CART]],
    ['more than there can be', { limit: String(10 * MAX_ANSWER_TRACES) }, [ORDER, CART]],
    ['an earlier time', { end: String(START_US) }, [CART]],
    ['a range that ends before it begins', { start: String(START_US), end: String(START_US - 1) }, []],
  ])('finds %s', async (_, params, expected) => {
    expect(await find(params)).toEqual(expected);
  });

  it('takes tag= beside tags=', async () => {
    const tags = 'tag=host.name:h1&tag=hit:true&tags=%7B%22load%22%3A%220.5%22%7D';
    const path = `/api/traces?service=jweb&${new URLSearchParams(RANGE)}&${tags}`;
    expect((await answer<Envelope>(path)).data.map(({ traceID }) => traceID)).toEqual([CART]);
  });

  it.each<[string, Record<string, string>, string[]]>([
    ['a service', {}, [`${'0'.repeat(16)}${ORDER}`, CART]],
    ['by former names', { 'query.service_name': 'none', 'query.num_traces': '1' }, [`${'0'.repeat(16)}${ORDER}`]],
    ['an operation', { 'query.operationName': 'GET /cart' }, [CART]],
    ['attributes', { 'query.attributes': '{"hit":"true"}' }, [CART]],
    ['a time', { 'query.durationMin': '0.1s', 'query.rawTraces': 'true' }, [CART]],
  ])('finds %s by v3', async (_, params, expected) => {
    expect(await findV3(params)).toEqual(expected);
  });

  it('answers whole traces and summaries by v3', async () => {
    const params = new URLSearchParams({ 'query.service_name': 'jstock', ...V3_RANGE });
    const { result } = await answer<{ result: unknown }>(`/api/v3/traces?${params}`);
    expect(result).toEqual((await answer<{ result: unknown }>(`/api/v3/traces/${CART}`)).result);
    expect(await answer(`/api/v3/trace-summaries?${params}`)).toEqual({
      summaries: [
        {
          traceId: CART,
          rootServiceName: 'jweb',
          rootOperationName: 'GET /cart',
          minStartTimeUnixNano: `${START_US}000`,
          maxEndTimeUnixNano: `${START_US + 250_000}000`,
          spanCount: 3,
          errorSpanCount: 1,
          orphanSpanCount: 0,
          services: [
            { name: 'jstock', spanCount: 1, errorSpanCount: 0 },
            { name: 'jweb', spanCount: 2, errorSpanCount: 1 },
          ],
        },
      ],
    });
  });
});

const ENVELOPE = { data: null, total: 0, limit: 0, offset: 0 };

it.each<[string, number, string]>([
  ['/api/operations', 400, "parameter 'service' is required"],
  ['/api/traces', 400, "parameter 'service' is required"],
  [
    '/api/traces?service=a&start=x',
    400,
    `unable to parse param 'start': strconv.ParseInt: parsing "x": invalid syntax`,
  ],
  ['/api/traces?service=a&end=x', 400, `unable to parse param 'end': strconv.ParseInt: parsing "x": invalid syntax`],
  ['/api/traces?service=a&limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
  ['/api/traces?service=a&limit=99999999999', 400, 'strconv.ParseInt: parsing "99999999999": value out of range'],
  ['/api/traces?service=a&minDuration=x', 400, `unable to parse param 'minDuration': time: invalid duration "x"`],
  [
    '/api/traces?service=a&minDuration=5',
    400,
    `unable to parse param 'minDuration': time: missing unit in duration "5"`,
  ],
  [
    '/api/traces?service=a&minDuration=1.5.2s',
    400,
    `unable to parse param 'minDuration': time: missing unit in duration "1.5.2s"`,
  ],
  [
    '/api/traces?service=a&maxDuration=5x',
    400,
    `unable to parse param 'maxDuration': time: unknown unit "x" in duration "5x"`,
  ],
  ['/api/traces?service=a&maxDuration=s', 400, `unable to parse param 'maxDuration': time: invalid duration "s"`],
  ['/api/traces?service=a&minDuration=10ms&maxDuration=5ms', 400, "'maxDuration' should be greater than 'minDuration'"],
  [
    '/api/traces?service=a&tags={"a":1}',
    400,
    "malformed 'tags' parameter, cannot unmarshal JSON: json: cannot unmarshal number into Go value of type string",
  ],
  [
    '/api/traces?service=a&tags=[]',
    400,
    "malformed 'tags' parameter, cannot unmarshal JSON: json: cannot unmarshal array into Go value of type map[string]string",
  ],
  [
    '/api/traces?service=a&tags="a"',
    400,
    "malformed 'tags' parameter, cannot unmarshal JSON: json: cannot unmarshal string into Go value of type map[string]string",
  ],
  ['/api/traces?service=a&tag=x', 400, "malformed 'tag' parameter, expecting key:value, received: x"],
  ['/api/traces?traceID=xyz', 400, 'cannot parse traceID param: strconv.ParseUint: parsing "xyz": invalid syntax'],
  ['/api/traces?traceID=', 400, 'cannot parse traceID param: strconv.ParseUint: parsing "": invalid syntax'],
  ['/api/traces/xyz', 400, 'strconv.ParseUint: parsing "xyz": invalid syntax'],
  ['/api/traces/0xff', 400, 'strconv.ParseUint: parsing "0xff": invalid syntax'],
  ['/api/traces/0', 404, 'trace not found'],
  ['/api/traces/1', 404, 'trace not found'],
  [
    '/api/traces/0000000000000000000000000000000000001',
    400,
    'TraceID cannot be longer than 32 hex characters: 0000000000000000000000000000000000001',
  ],
  // Version 2 has come to look at these.
  [`/api/traces/${CART}?raw=x`, 400, `unable to parse param 'raw': strconv.ParseBool: parsing "x": invalid syntax`],
  [`/api/traces/${CART}?start=x`, 400, `unable to parse param 'start': strconv.ParseInt: parsing "x": invalid syntax`],
  ['/api/dependencies?endTs=x', 400, `unable to parse param 'endTs': strconv.ParseInt: parsing "x": invalid syntax`],
  [
    '/api/dependencies?lookback=x',
    400,
    `unable to parse param 'lookback': strconv.ParseInt: parsing "x": invalid syntax`,
  ],
  ['/api/metrics/calls', 400, "unable to parse param 'service': please provide at least one service name"],
  [
    '/api/metrics/latencies?service=a',
    400,
    `unable to parse param 'quantile': strconv.ParseFloat: parsing "": invalid syntax`,
  ],
  [
    '/api/metrics/latencies?service=a&quantile=x',
    400,
    `unable to parse param 'quantile': strconv.ParseFloat: parsing "x": invalid syntax`,
  ],
  [
    '/api/metrics/calls?service=a&groupByOperation=x',
    400,
    `unable to parse param 'groupByOperation': strconv.ParseBool: parsing "x": invalid syntax`,
  ],
  ['/api/metrics/calls?service=a&spanKind=x', 400, `unable to parse param 'spanKind': unsupported span kind: 'x'`],
  [
    '/api/metrics/calls?service=a&step=x',
    400,
    `unable to parse param 'step': strconv.ParseInt: parsing "x": invalid syntax`,
  ],
  [
    `/api/traces?service=a&${Array.from({ length: 33 }, (_, i) => `tag=k${i}:v`).join('&')}`,
    400,
    'there are more than 32 tags',
  ],
  // Jaeger's tags that are no attributes, of which it would find what there is.
  [
    '/api/traces?service=a&tags={"span.kind":"client"}',
    400,
    'the tag "span.kind" is no attribute and cannot be searched',
  ],
])('%s is %d: %s', async (path, status, msg) => {
  const response = await get(path);
  expect([response.status, response.headers.get('content-type')]).toEqual([status, 'text/plain; charset=utf-8']);
  expect(await response.text()).toBe(`${JSON.stringify({ ...ENVELOPE, errors: [{ code: status, msg }] })}\n`);
});

it('says what is wrong with JSON', async () => {
  for (const tags of ['x', '{', '{"a":}']) {
    const response = await get(`/api/traces?service=a&tags=${encodeURIComponent(tags)}`);
    const { errors } = await response.json<{ errors: { msg: string }[] }>();
    expect([response.status, errors[0]!.msg]).toEqual([
      400,
      expect.stringMatching(/^malformed 'tags' parameter, cannot unmarshal JSON: ./),
    ]);
  }
});

const V3 = `/api/v3/traces?${new URLSearchParams(V3_RANGE)}`;
const NO_TIME = `parsing time "x" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "x" as "2006"`;

it.each<[string, number, string]>([
  ['/api/v3/traces/xyz', 400, 'malformed parameter trace_id: strconv.ParseUint: parsing "xyz": invalid syntax'],
  // These, their names in camel case and the first two texts, are version 2's.
  ['/api/v3/traces/1', 404, 'No traces found'],
  [`${V3}&query.serviceName=none`, 404, 'No traces found'],
  ['/api/v3/traces', 400, 'query.startTimeMin and query.startTimeMax are required'],
  ['/api/v3/trace-summaries', 400, 'query.startTimeMin and query.startTimeMax are required'],
  [
    '/api/v3/traces?query.start_time_min=x&query.start_time_max=y',
    400,
    `malformed parameter query.start_time_min: ${NO_TIME}`,
  ],
  [
    `/api/v3/traces?query.startTimeMin=${V3_RANGE['query.startTimeMax']}&query.startTimeMax=${V3_RANGE['query.startTimeMin']}`,
    400,
    'query.startTimeMin must be before query.startTimeMax',
  ],
  [`${V3}&query.num_traces=x`, 400, 'malformed parameter query.num_traces: strconv.Atoi: parsing "x": invalid syntax'],
  [`${V3}&query.duration_min=x`, 400, 'malformed parameter query.duration_min: time: invalid duration "x"'],
  [`${V3}&query.durationMax=5`, 400, 'malformed parameter query.durationMax: time: missing unit in duration "5"'],
  [
    `${V3}&query.rawTraces=x`,
    400,
    'malformed parameter query.rawTraces: strconv.ParseBool: parsing "x": invalid syntax',
  ],
  [`/api/v3/traces/${CART}?startTime=x`, 400, `malformed parameter startTime: ${NO_TIME}`],
  ['/api/v3/dependencies', 400, 'startTime is required'],
  ['/api/v3/dependencies?startTime=2026-01-01T00:00:00Z', 400, 'endTime is required'],
  [
    '/api/v3/dependencies?startTime=2026-01-01T00:00:00Z&endTime=2026-01-01T00:00:00%2B00:00',
    400,
    'endTime must be after startTime',
  ],
])('%s is %d: %s', async (path, httpCode, message) => {
  const response = await get(path);
  expect([response.status, response.headers.get('content-type')]).toEqual([httpCode, 'text/plain; charset=utf-8']);
  expect(await response.text()).toBe(`${JSON.stringify({ error: { httpCode, message } })}\n`);
});

it.each(['/api/nothing', '/api/v3/nothing', '/api/metrics/nothing'])('has no %s', async (path) => {
  const response = await get(path);
  expect([response.status, await response.text()]).toEqual([404, '404 page not found\n']);
});

it('asks for a read key, and says so as Jaeger says what is wrong', async () => {
  const refused = await get('/api/services', {});
  const errors = [{ code: 401, msg: 'a read key is required' }];
  expect([refused.status, await refused.json()]).toEqual([401, { ...ENVELOPE, errors }]);
  const refusedV3 = await get('/api/v3/services', {});
  expect(await refusedV3.json()).toEqual({ error: { httpCode: 401, message: 'a read key is required' } });
  expect((await get('/api/services', { authorization: `Basic ${btoa('grafana:test-read-key')}` })).status).toBe(200);
});

it('puts a server that is behind its client on the clock of the root, and says so', async () => {
  const traceId = randomTraceId();
  const span = (id: number, parent: number, kind: number, startUs: number, endUs: number) => ({
    traceId,
    spanId: `000000000000000${id}`,
    ...(parent ? { parentSpanId: `000000000000000${parent}` } : {}),
    name: `span ${id}`,
    kind,
    startTimeUnixNano: `${START_US + startUs}000`,
    endTimeUnixNano: `${START_US + endUs}000`,
  });
  const of = (service: string, ...spans: object[]) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [{ spans }],
  });
  await post({
    resourceSpans: [
      of('skew-a', span(1, 0, 2, 0, 100_000), span(2, 1, 3, 10_000, 90_000)),
      of('skew-b', span(3, 2, 2, -500_000, -440_000)),
    ],
  });
  interface Adjusted {
    readonly data: readonly { readonly spans: readonly { startTime: number; warnings: string[] | null }[] }[];
  }
  const raw = (await answer<Adjusted>(`/api/traces/${traceId}?raw=true`)).data[0]!.spans;
  expect(raw.map(({ startTime, warnings }) => [startTime - START_US, warnings])).toEqual([
    [0, null],
    [10_000, null],
    [-500_000, null],
  ]);
  const adjusted = (await answer<Adjusted>(`/api/traces/${traceId}`)).data[0]!.spans;
  expect(adjusted.map(({ startTime }) => startTime - START_US)).toEqual([0, 10_000, 20_000]);
  expect(adjusted[2]!.warnings).toEqual(["This span's timestamps were adjusted by 520ms"]);
});

describe('of the statistics', () => {
  const nowMs = Date.now();

  beforeAll(async () => {
    const text = JSON.stringify(golden.otlp)
      .replaceAll(/"17911000\d\d(\d{9})"/g, `"${Math.floor(nowMs / 1000) - 61}$1"`)
      .replaceAll('jweb', 'stat-web')
      .replaceAll('jstock', 'stat-stock')
      .replaceAll(CART, '0000000000000def00ff000000000001')
      .replaceAll(`${'0'.repeat(16)}${ORDER}`, '000000000000000006ff000000000001');
    await post(JSON.parse(text));
    for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
  });

  it('answers dependencies', async () => {
    const link = { parent: 'stat-web', child: 'stat-stock', callCount: 1 };
    const links = (params: string) => answer<{ data: unknown[] }>(`/api/dependencies?${params}`);
    expect((await links(`endTs=${nowMs}&lookback=3600000`)).data).toContainEqual(link);
    expect(await links(`endTs=${nowMs}&service=stat-stock`)).toEqual({ ...ENVELOPE, data: [link], errors: null });
    expect((await links(`endTs=${nowMs - 3_600_000}&lookback=60000&service=stat-stock`)).data).toEqual([]);
    const time = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
    const v3 = await answer<{ dependencies: unknown[] }>(
      `/api/v3/dependencies?startTime=${time(nowMs - 600_000)}&endTime=${time(nowMs)}`,
    );
    expect(v3.dependencies).toContainEqual({ ...link, callCount: '1' });
  });

  it('answers the kinds of operations', async () => {
    const data = [
      { name: 'GET /cart', spanKind: 'server' },
      { name: 'order', spanKind: 'unspecified' },
      { name: 'reserve', spanKind: 'client' },
    ];
    const envelope = { limit: 0, offset: 0, errors: null };
    expect(await answer('/api/operations?service=stat-web')).toEqual({ ...envelope, data, total: 3 });
    const servers = { ...envelope, data: data.slice(0, 1), total: 1 };
    expect(await answer('/api/operations?service=stat-web&spanKind=server')).toEqual(servers);
    expect(await answer('/api/v3/operations?service=stat-web')).toEqual({ operations: data });
    const clients = { operations: data.slice(2) };
    expect(await answer('/api/v3/operations?service=stat-web&span_kind=client')).toEqual(clients);
    expect(await answer('/api/v3/operations')).toEqual({ operations: [] });
  });

  it('answers rates, errors and durations', async () => {
    const params = `service=stat-web&endTs=${nowMs + 60_000}&lookback=0&ratePer=600000&spanKind=SPAN_KIND_SERVER`;
    const family = (name: string, help: string, doubleValue: number, more: object[] = []) => ({
      name,
      type: 'GAUGE',
      help,
      metrics: [
        {
          labels: [{ name: 'service_name', value: 'stat-web' }, ...more],
          metricPoints: [
            { gaugeValue: { doubleValue }, timestamp: new Date(Math.floor(nowMs / 60_000 + 1) * 60_000).toISOString() },
          ],
        },
      ],
    });
    expect(await answer(`/api/metrics/calls?${params}`)).toEqual(
      family('service_call_rate', 'calls/sec, grouped by service', 1 / 600),
    );
    expect(await answer(`/api/metrics/errors?${params}&groupByOperation=true`)).toEqual(
      family(
        'service_operation_error_rate',
        'error rate, computed as a fraction of errors/sec over calls/sec, grouped by service & operation',
        1,
        [{ name: 'operation', value: 'GET /cart' }],
      ),
    );
    const latencies = family('service_latencies', '0.95th quantile latency, grouped by service', expect.any(Number));
    const found = await answer<typeof latencies>(`/api/metrics/latencies?${params}&quantile=0.95`);
    expect(found).toEqual(latencies);
    const ms = found.metrics[0]!.metricPoints[0]!.gaugeValue.doubleValue;
    expect(Math.abs(ms - 250) / 250).toBeLessThan(0.045);
    expect(await answer('/api/metrics/calls?service=none')).toEqual({
      name: 'service_call_rate',
      type: 'GAUGE',
      help: 'calls/sec, grouped by service',
    });
    expect(await answer('/api/metrics/minstep')).toEqual({ ...ENVELOPE, data: 60_000, errors: null });
  });
});
