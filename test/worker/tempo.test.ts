import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseHex } from '../../model/ids.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { SpanData, SpanDataAttributes } from '../../model/span-data.ts';
import { spanId, TEST_START_US, toSpanData } from '../kit/spans.ts';

const HOUR_US = 3_600_000_000;
const START_US = TEST_START_US + 20 * HOUR_US;
const START = START_US / 1e6;
const RANGE = { start: String(START), end: String(START + 3600) };
/** As Tempo writes it, the trace's id has no zeros in front. */
const ID = '000000000000000000000000000000ab';
/** What ends high is sampled, whatever the share. */
const OTHER_ID = '0af7651916cd43dd84ffeb211c80319c';
const HEADLESS_ID = '0af7651916cd43dd84ffeb211c80319d';

interface Given {
  readonly id: number;
  readonly parent?: number;
  readonly name: string;
  readonly kind?: number;
  readonly atMs?: number;
  readonly durationMs?: number;
  readonly statusCode?: number;
  readonly statusMessage?: string;
  readonly attributes?: SpanDataAttributes;
  readonly events?: SpanData['events'];
}

function spans(traceId: string, service: string, given: readonly Given[]): Uint8Array {
  return encodeTracesData(
    [
      ['service.name', service],
      ['deployment.environment.name', 'test'],
    ],
    given.map(({ id, parent, name, atMs = 0, durationMs = 10, ...rest }) => {
      const startUs = START_US + atMs * 1000;
      const base = toSpanData({ traceId, id, name, startUs, ...(parent === undefined ? {} : { parent }) });
      return { ...base, attributes: [], ...rest, endUs: startUs + durationMs * 1000, traceId: parseHex(traceId)! };
    }),
  );
}

async function send(...parts: readonly Uint8Array[]): Promise<void> {
  for (const body of parts) {
    const headers = { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' };
    const response = await exports.default.fetch(
      new Request('https://edge.test/v1/traces', { method: 'POST', headers, body }),
    );
    expect(response.status).toBe(200);
  }
}

async function decideAll(): Promise<void> {
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

function get(path: string, params: Readonly<Record<string, string>> = {}, headers = {}): Promise<Response> {
  const query = new URLSearchParams(params).toString();
  return exports.default.fetch(
    new Request(`https://edge.test/tempo${path}${query ? `?${query}` : ''}`, {
      headers: { authorization: 'Bearer test-read-key', ...headers },
    }),
  );
}

async function json(path: string, params: Readonly<Record<string, string>> = {}) {
  const response = await get(path, params);
  const text = await response.text();
  expect([response.status, response.headers.get('content-type')], text).toEqual([200, 'application/json']);
  return JSON.parse(text);
}

beforeAll(async () => {
  await send(
    spans(ID, 'shop', [
      { id: 1, name: 'GET /cart', kind: 2, durationMs: 900, attributes: [['http.response.status_code', 503]] },
      { id: 2, parent: 1, name: 'call pay', kind: 3, atMs: 100, durationMs: 600 },
    ]),
    spans(ID, 'pay', [
      {
        ...{ id: 3, parent: 2, name: 'POST /charge', kind: 2, atMs: 200, durationMs: 400 },
        ...{ statusCode: 2, statusMessage: 'card declined', attributes: [['card', 'visa']] },
        events: [{ name: 'exception', timeUs: START_US + 300_000, attributes: [['exception.type', 'Declined']] }],
      },
    ]),
    spans(OTHER_ID, 'shop', [
      {
        id: 9,
        name: 'GET /',
        kind: 2,
        atMs: 60_000,
        durationMs: 5,
        attributes: [
          ['user.vip', true],
          ['ratio', 0.5],
        ],
      },
      { id: 10, parent: 9, name: 'render', kind: 1, atMs: 60_001, durationMs: 2, attributes: [['items', 3]] },
    ]),
    spans(HEADLESS_ID, 'jobs', [{ id: 20, parent: 19, name: 'sweep', kind: 5, atMs: 120_000 }]),
  );
  await decideAll();
});

describe('what Grafana asks first', () => {
  it('is answered', async () => {
    const echo = await get('/api/echo');
    expect([echo.status, await echo.text()]).toEqual([200, 'echo']);
    const ready = await get('/ready');
    expect([ready.status, await ready.text()]).toEqual([200, 'ready\n']);
    expect(Object.keys(await json('/api/status/buildinfo'))).toEqual([
      'version',
      'revision',
      'branch',
      'buildDate',
      'buildUser',
      'goVersion',
    ]);
  });
});

it('takes a read key as Grafana sends it, and nobody without one', async () => {
  const basic = await get('/api/echo', {}, { authorization: `Basic ${btoa('grafana:test-read-key')}` });
  expect(basic.status).toBe(200);
  for (const authorization of ['', `Basic ${btoa('grafana:no')}`, 'Bearer test-ingest-key']) {
    const refused = await get('/api/search', {}, { authorization });
    expect([refused.status, refused.headers.get('content-type')]).toEqual([401, 'text/plain; charset=utf-8']);
  }
});

describe('a trace by id', () => {
  const body = {
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: { stringValue: 'jobs' } },
            { key: 'deployment.environment.name', value: { stringValue: 'test' } },
          ],
        },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: [
              {
                traceId: 'CvdlGRbNQ92E/+shHIAxnQ==',
                spanId: 'AAAAAAAAABQ=',
                parentSpanId: 'AAAAAAAAABM=',
                name: 'sweep',
                kind: 'SPAN_KIND_CONSUMER',
                startTimeUnixNano: `${START_US + 120_000_000}000`,
                endTimeUnixNano: `${START_US + 120_010_000}000`,
                flags: 1,
              },
            ],
          },
        ],
      },
    ],
  };

  it('is in JSON as Tempo has it', async () => {
    const v2 = await json(`/api/v2/traces/${HEADLESS_ID}`, RANGE);
    expect(v2).toEqual({ trace: body, metrics: { inspectedBytes: expect.stringMatching(/^\d+$/) } });
    expect(await json(`/api/traces/${HEADLESS_ID}`)).toEqual({ batches: body.resourceSpans });
  });

  it('is in protobuf as Tempo has it', async () => {
    const v1 = await get(`/api/traces/${ID}`, {}, { accept: 'application/protobuf' });
    expect(v1.headers.get('content-type')).toBe('application/protobuf');
    const otlp = new Uint8Array(await v1.arrayBuffer());
    expect(decodeSpans(otlp, 'kept').map(({ name }) => name)).toEqual(['GET /cart', 'call pay', 'POST /charge']);
    const v2 = await get(`/api/v2/traces/${ID}`, {}, { accept: 'application/protobuf' });
    const answer = new Uint8Array(await v2.arrayBuffer());
    const reader = new BinaryReader(answer);
    expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
    expect(reader.bytes()).toEqual(otlp);
    expect(reader.tag()).toEqual([2, WireType.LengthDelimited]);
  });

  it('is found by an id that is shorter or in upper case', async () => {
    expect((await get('/api/v2/traces/ab')).status).toBe(200);
    expect((await get(`/api/traces/${OTHER_ID.toUpperCase()}`)).status).toBe(200);
  });

  it('is 404 without a word where there is none', async () => {
    for (const path of ['/api/traces/abc', '/api/v2/traces/abc']) {
      const response = await get(path);
      expect([response.status, await response.text()]).toEqual([404, '']);
    }
    const elsewhere = await get('/api/overrides');
    expect([elsewhere.status, await elsewhere.text()]).toEqual([404, '404 page not found\n']);
  });
});

/** Ids of the traces found, as Tempo writes them. */
async function found(q: string, more: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { traces } = await json('/api/search', { ...RANGE, q, ...more });
  return traces.map(({ traceID }: { traceID: string }) => traceID);
}

const ALL = ['af7651916cd43dd84ffeb211c80319d', 'af7651916cd43dd84ffeb211c80319c', 'ab'];

describe('a search', () => {
  it('answers with what Tempo would', async () => {
    const q =
      '{ resource.service.name = "pay" && status = error && .card =~ "v.*" } | select(name, event.exception.type)';
    expect(await json('/api/search', { ...RANGE, q })).toEqual({
      traces: [
        {
          traceID: 'ab',
          rootServiceName: 'shop',
          rootTraceName: 'GET /cart',
          startTimeUnixNano: `${START_US}000`,
          durationMs: 900,
          ...Object.fromEntries(
            ['spanSet', 'spanSets'].map((name) => {
              const spanset = {
                spans: [
                  {
                    spanID: spanId(3),
                    name: 'POST /charge',
                    startTimeUnixNano: `${START_US + 200_000}000`,
                    durationNanos: '400000000',
                    attributes: [
                      { key: 'service.name', value: { stringValue: 'pay' } },
                      { key: 'status', value: { stringValue: 'error' } },
                      { key: 'card', value: { stringValue: 'visa' } },
                      { key: 'exception.type', value: { arrayValue: { values: [{ stringValue: 'Declined' }] } } },
                    ],
                  },
                ],
                matched: 1,
              };
              return [name, name === 'spanSet' ? spanset : [spanset]];
            }),
          ),
          serviceStats: { pay: { spanCount: 1, errorCount: 1 }, shop: { spanCount: 2 } },
        },
      ],
      metrics: {
        inspectedTraces: 1,
        inspectedBytes: expect.stringMatching(/^\d+$/),
        completedJobs: 1,
        totalJobs: 1,
      },
    });
  });

  it('says of a headless trace what Tempo says', async () => {
    const { traces } = await json('/api/search', { ...RANGE, q: '{ kind = consumer }' });
    expect(traces).toMatchObject([{ rootServiceName: '<root span not yet received>', durationMs: 10 }]);
    expect(traces[0]).not.toHaveProperty('rootTraceName');
  });

  it.each<[string, string[]]>([
    ['{}', ALL],
    ['{ }', ALL],
    ['{ .http.response.status_code >= 500 }', ['ab']],
    ['{ name = "GET /cart" } >> { resource.service.name = "pay" && duration > 100ms }', ['ab']],
    ['{ resource.service.name = "pay" } >> { name = "GET /cart" }', []],
    ['{ .user.vip }', [ALL[1]!]],
    ['{ .ratio < 1 || .items = 4 }', [ALL[1]!]],
    ['{ rootServiceName = "shop" && traceDuration < 100ms }', [ALL[1]!]],
    ['{ resource.service.name = "shop" } | count() > 1', [ALL[1]!, 'ab']],
    ['{ duration > 1s }', []],
    ['{ statusMessage =~ ".*declined" }', ['ab']],
    ['{ event:name = "exception" }', ['ab']],
    ['{ .card = nil && kind = server }', [ALL[1]!, 'ab']],
  ])('finds the traces of %s', async (q, ids) => {
    expect(await found(q)).toEqual(ids);
  });

  it('has as many traces and spans as are asked for', async () => {
    expect(await found('{}', { limit: '2' })).toEqual(ALL.slice(0, 2));
    const { traces } = await json('/api/search', { ...RANGE, q: '{ name =~ ".*" }', spss: '2', limit: '9' });
    expect(traces[2].spanSets).toMatchObject([{ matched: 3, spans: [{ spanID: spanId(1) }, { spanID: spanId(2) }] }]);
  });

  it('groups and counts', async () => {
    const q = '{ } | by(resource.service.name) | count() > 1';
    const { traces } = await json('/api/search', { ...RANGE, q });
    expect(traces[1].spanSets).toMatchObject([
      {
        matched: 2,
        attributes: [
          { key: 'by(resource.service.name)', value: { stringValue: 'shop' } },
          { key: 'count()', value: { intValue: '2' } },
        ],
      },
    ]);
  });

  it.each<[Readonly<Record<string, string>>, string[]]>([
    [{ tags: 'service.name=PAY' }, ['ab']],
    [{ tags: 'card=vis name="GET /cart"' }, ['ab']],
    [{ tags: 'service.name=shop', maxDuration: '100ms' }, [ALL[1]!]],
    [{ minDuration: '100ms' }, ['ab']],
    [{ tags: 'user.vip=true root.name=GET' }, [ALL[1]!]],
    [{}, ALL],
  ])('takes the older form: %o', async (params, ids) => {
    const { traces } = await json('/api/search', { ...RANGE, ...params });
    expect(traces.map(({ traceID }: { traceID: string }) => traceID)).toEqual(ids);
    expect(traces[0]).not.toHaveProperty('spanSets');
  });

  it('sees live traces, goes on through pages of those that do not match, and says when it has read enough', async () => {
    const ids = Array.from({ length: 170 }, (_, i) => `${'e'.repeat(29)}${(i + 256).toString(16)}`);
    const atMs = 2 * 3_600_000;
    const sent = ids.map((id, i) => {
      const name = i === 60 ? 'one' : 'any';
      return spans(id, 'many', [{ id: 1, name, kind: 2, atMs: atMs + i * 100 }]);
    });
    await send(concatBytes(sent));
    const start = START + atMs / 1000;
    const range = { start: String(start), end: String(start + 60) };
    expect(await found('{ name =~ "on." && kind = server }', { ...range, limit: '1' })).toEqual([ids[60]]);
    const several = '{ resource.service.name =~ "many|few" && name =~ "on." }';
    expect(await found(several, { ...range, limit: '1' })).toEqual([ids[60]]);
    const { traces, metrics } = await json('/api/search', { ...range, q: '{ name =~ "none." }' });
    expect(traces).toEqual([]);
    expect(metrics).toEqual({ inspectedTraces: 150, inspectedBytes: expect.any(String), totalJobs: 1 });
  });
});

describe('an error', () => {
  it.each<[string, Readonly<Record<string, string>>, string]>([
    [
      '/api/search',
      { q: '{ .a = }' },
      'invalid TraceQL query: parse error at line 1, col 8: syntax error: unexpected }',
    ],
    [
      '/api/search',
      { q: '{ status }' },
      'invalid TraceQL query: span filter field expressions must resolve to a boolean: { status }',
    ],
    ['/api/search', { limit: '0', q: '{ .a = }' }, 'invalid limit: must be a positive number'],
    ['/api/search', { limit: 'x' }, 'invalid limit: strconv.Atoi: parsing "x": invalid syntax'],
    ['/api/search', { spss: '-1' }, 'invalid spss: must be a positive number'],
    ['/api/search', { start: 'soon' }, 'invalid start: strconv.ParseInt: parsing "soon": invalid syntax'],
    ['/api/search', { end: '99999999999' }, 'invalid end: strconv.ParseInt: parsing "99999999999": value out of range'],
    ['/api/search', { start: '10', end: '10' }, 'http parameter start must be before end. received start=10 end=10'],
    ['/api/search', { start: '10' }, 'http parameter start must be before end. received start=10 end=0'],
    [
      '/api/search',
      { start: '1', end: '9999999' },
      'range specified by start and end exceeds 720h0m0s. received start=1 end=9999999',
    ],
    ['/api/search', { q: '{}', tags: 'a=b' }, "invalid request: can't specify tags and q in the same query"],
    ['/api/search', { tags: 'a=b a=c' }, 'invalid tags: tag a has been set twice'],
    ['/api/search', { tags: 'a="b' }, 'invalid tags: unterminated quoted value at pos 5'],
    ['/api/search', { tags: '=b' }, "invalid tags: unexpected '=' at pos 1"],
    ['/api/search', { minDuration: '5' }, 'invalid minDuration: time: missing unit in duration "5"'],
    ['/api/search', { minDuration: '5s', maxDuration: '1s' }, 'invalid maxDuration: must be greater than minDuration'],
    ['/api/traces/xyz', {}, "trace IDs can only contain hex characters: invalid character 'x' at position 1"],
    [`/api/v2/traces/${'a'.repeat(33)}`, {}, "trace IDs can't be larger than 128 bits"],
    ['/api/v2/traces/ab', { start: '9', end: '3' }, 'http parameter start must be before end. received start=9 end=3'],
    ['/api/v2/search/tags', { scope: 'all' }, 'invalid scope: all'],
    [
      '/api/v2/search/tag/a.b/values',
      {},
      'please provide a valid tagName: failed to parse identifier a.b: parse error at line 1, col 2: syntax error: unexpected IDENTIFIER',
    ],
    ['/api/metrics/query_range', { q: '{}' }, 'not a metrics query'],
    [
      '/api/metrics/query_range',
      { q: '{} | rate() by (span.a)' },
      'by (span.a) not supported: spans are counted by resource.service.name, name, kind and status = error, their durations by the first three',
    ],
    [
      '/api/metrics/query_range',
      { q: '{ nestedSetParent < 0 } | rate()' },
      'nestedSetParent not supported: spans are counted by resource.service.name, name, kind and status = error, their durations by the first three',
    ],
    [
      '/api/metrics/query_range',
      { q: '{} | max_over_time(duration)' },
      'max_over_time() not supported: functions are rate, count_over_time, quantile_over_time, histogram_over_time',
    ],
    [
      '/api/metrics/query_range',
      { q: '{ status = error } | quantile_over_time(duration, .5)' },
      'status = error with durations not supported: spans are counted by resource.service.name, name, kind and status = error, their durations by the first three',
    ],
    [
      '/api/metrics/query_range',
      { q: '{} | rate()', step: '-1' },
      'zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    ['/api/metrics/query_range', { q: '{} | rate()', step: 'often' }, 'cannot parse "often" to a valid duration'],
    [
      '/api/metrics/query',
      { q: '{} | rate()', start: '100', end: '5000000' },
      'range specified by start and end (1388h51m40s) exceeds 720h0m0s. received start=100000000000 end=5000000000000000',
    ],
    [
      '/api/v2/search/tags',
      { start: '9', end: '3' },
      'http parameter start must be before end. received start=9 end=3',
    ],
    ['/api/metrics/query', { q: '{} | rate()', start: '100', end: '50' }, 'end must be greater than start'],
  ])('of %s %o is text', async (path, params, message) => {
    const response = await get(path, params);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      400,
      'text/plain; charset=utf-8',
      message,
    ]);
  });
});

describe('tags', () => {
  it('are those of the newest traces, by scope', async () => {
    const { scopes, metrics } = await json('/api/v2/search/tags', RANGE);
    expect(scopes.map(({ name }: { name: string }) => name)).toEqual(['resource', 'span', 'event', 'intrinsic']);
    expect(scopes[0].tags).toEqual(['deployment.environment.name', 'service.name']);
    expect(scopes[1].tags).toEqual(['card', 'http.response.status_code', 'items', 'ratio', 'user.vip']);
    expect(scopes[2].tags).toEqual(['exception.type']);
    expect(scopes[3].tags).toEqual([
      ...['duration', 'event:name', 'event:timeSinceStart', 'instrumentation:name', 'instrumentation:version', 'kind'],
      ...['name', 'rootName', 'rootServiceName', 'span:duration', 'span:kind', 'span:name', 'span:status'],
      ...['span:statusMessage', 'status', 'statusMessage', 'trace:duration', 'trace:rootName', 'trace:rootService'],
      'traceDuration',
    ]);
    expect(metrics).toEqual({ inspectedBytes: expect.stringMatching(/^\d+$/) });
    expect(await json('/api/v2/search/tags', { ...RANGE, scope: 'resource', limit: '1' })).toMatchObject({
      scopes: [{ name: 'resource', tags: ['deployment.environment.name'] }],
    });
    expect((await json('/api/v2/search/tags', { ...RANGE, q: '{ .card = "visa" }' })).scopes[1].tags).toEqual(['card']);
  });

  it('are one list in the older form', async () => {
    const { tagNames } = await json('/api/search/tags', RANGE);
    expect(tagNames).toEqual([
      ...['card', 'deployment.environment.name', 'exception.type', 'http.response.status_code', 'items', 'ratio'],
      ...['service.name', 'user.vip'],
    ]);
  });

  const values = async (tag: string, params: Readonly<Record<string, string>> = {}) =>
    (await json(`/api/v2/search/tag/${tag}/values`, { ...RANGE, ...params })).tagValues;
  const strings = (...texts: string[]) => texts.map((value) => ({ type: 'string', value }));

  it('have values with types', async () => {
    expect(await values('span.http.response.status_code')).toEqual([{ type: 'int', value: '503' }]);
    expect(await values('.ratio')).toEqual([{ type: 'float', value: '0.5' }]);
    expect(await values('span.user.vip')).toEqual([{ type: 'bool', value: 'true' }]);
    expect(await values('span.card')).toEqual(strings('visa'));
    expect(await values('status')).toEqual(['unset', 'ok', 'error'].map((value) => ({ type: 'keyword', value })));
    expect(await values('span:kind')).toHaveLength(6);
    expect(await values('event.exception.type')).toEqual(strings('Declined'));
    expect(await values('rootName')).toEqual(strings('GET /', 'GET /cart'));
    expect(await values('span.nothing')).toEqual([]);
  });

  it('have all services and operations', async () => {
    const services = await values('resource.service.name');
    expect(services).toEqual(expect.arrayContaining(strings('jobs', 'pay', 'shop')));
    expect(await values('name')).toEqual(expect.arrayContaining(strings('GET /cart', 'render')));
    expect(await values('resource.service.name', { limit: '1' })).toEqual([services[0]]);
  });

  it('have the values of the spans that a filter leaves; one that is half written leaves all', async () => {
    expect(await values('resource.service.name', { q: '{ status = error }' })).toEqual(strings('pay'));
    expect(await values('name', { q: '{ resource.service.name = "jobs" }' })).toEqual(strings('sweep'));
    expect(await values('span.card', { q: '{ .card = }' })).toEqual(strings('visa'));
  });

  it('have plain values in the older form', async () => {
    const { tagValues } = await json('/api/search/tag/http.response.status_code/values', RANGE);
    expect(tagValues).toEqual(['503']);
    expect((await json('/api/search/tag/service.name/values', RANGE)).tagValues).toContain('pay');
    expect((await json('/api/search/tag/status/values', RANGE)).tagValues).toEqual(['unset', 'ok', 'error']);
  });
});

describe('metrics', () => {
  const nowUs = Math.floor(Date.now() / 60_000) * 60_000_000;
  const range = { start: String(nowUs / 1e6 - 120), end: String(nowUs / 1e6 + 60) };

  beforeAll(async () => {
    // Statistics are counted by when a span is measured, so these begin about now.
    for (let i = 0; i < 12; i++) {
      const traceId = `${'d'.repeat(30)}${(i + 16).toString(16)}`;
      const base = toSpanData({ traceId, id: 1, startUs: nowUs - 30_000_000 + i });
      const span = { ...base, kind: 2, name: i < 8 ? 'read' : 'write', statusCode: i % 4 === 0 ? 2 : 0 };
      await send(encodeTracesData([['service.name', 'metered']], [{ ...span, endUs: base.startUs + 1_000 * (i + 1) }]));
    }
    await decideAll();
  });

  const ask = async (q: string, params: Readonly<Record<string, string>> = {}) =>
    (await json('/api/metrics/query_range', { ...range, step: '60s', q, ...params })).series;
  const METERED = '{ resource.service.name = "metered" }';
  const at = (minute: number) => String(nowUs / 1000 + minute * 60_000);

  it('count spans of every trace, by minute', async () => {
    expect(await json('/api/metrics/query_range', { ...range, step: '15s', q: `${METERED} | rate()` })).toEqual({
      series: [
        {
          labels: [{ key: '__name__', value: { stringValue: 'rate' } }],
          promLabels: '{__name__="rate"}',
          samples: [
            { timestampMs: at(-2), value: 0 },
            { timestampMs: at(-1), value: 0.2 },
            { timestampMs: at(0), value: 0 },
          ],
        },
      ],
      metrics: { completedJobs: 1, totalJobs: 1 },
    });
  });

  it('are told apart by what is counted', async () => {
    const series = await ask(`${METERED} | count_over_time() by (name, kind)`);
    expect(series).toMatchObject([
      { promLabels: '{kind="server", name="read"}', samples: [{}, { value: 8 }, {}] },
      { promLabels: '{kind="server", name="write"}', samples: [{}, { value: 4 }, {}] },
    ]);
    expect(series[0].labels).toEqual([
      { key: 'name', value: { stringValue: 'read' } },
      { key: 'kind', value: { stringValue: 'server' } },
    ]);
    const failed = await ask(`{ .service.name =~ "met.*" && status = error && name != "write" } | count_over_time()`);
    expect(failed).toMatchObject([{ samples: [{}, { value: 2 }, {}] }]);
    expect(await ask(`${METERED} | { status != error } | count_over_time()`)).toMatchObject([
      { samples: [{}, { value: 9 }, {}] },
    ]);
    const nobody = '{ resource.service.name = "nobody" }';
    expect(await ask(`${nobody} | rate() by (name)`)).toEqual([]);
    expect(await ask(`${nobody} | rate()`)).toMatchObject([{ samples: [{ value: 0 }, { value: 0 }, { value: 0 }] }]);
    expect(await ask(`${nobody} | quantile_over_time(duration, .5)`)).toEqual([]);
  });

  it('have quantiles and histograms of durations, in seconds', async () => {
    const [median, all] = await ask(`${METERED} | quantile_over_time(duration, .5, 1)`);
    expect(median.labels).toEqual([{ key: 'p', value: { doubleValue: 0.5 } }]);
    expect(median.samples).toHaveLength(1);
    expect(median.samples[0].value).toBeCloseTo(0.006, 3);
    expect(all.promLabels).toBe('{p="1.0"}');
    const buckets = await ask(`${METERED} | histogram_over_time(duration)`);
    const counted = buckets.map(
      ({ labels, samples }: { labels: { value: { doubleValue: number } }[]; samples: { value: number }[] }) => [
        labels[0]!.value.doubleValue,
        samples[0]!.value,
      ],
    );
    expect(counted.reduce((sum: number, [, count]: [number, number]) => sum + count, 0)).toBe(12);
    for (const [seconds] of counted) expect(Math.log2(seconds * 1e9) % 1).toBe(0);
  });

  it('are one value of the whole range where that is asked for', async () => {
    const { series } = await json('/api/metrics/query', {
      ...range,
      q: `${METERED} | count_over_time() by (resource.service.name)`,
    });
    expect(series).toEqual([
      {
        labels: [{ key: 'resource.service.name', value: { stringValue: 'metered' } }],
        promLabels: '{resource.service.name="metered"}',
        value: 12,
      },
    ]);
  });
});
