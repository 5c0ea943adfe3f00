/** What an answer with whole traces may have, and what others' clients are told while a part of the edge is away. */
import { createExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Env } from '../../../durable-objects/env.ts';
import { MAX_ANSWER_BYTES, MAX_ANSWER_TRACES } from '../../../model/limits.ts';
import worker from '../../../worker/index.ts';
import { otlp } from '../../kit/spans.ts';

const KEY = { authorization: 'Bearer test-read-key' };
const START_US = 1_792_000_000_000_000;

async function post(type: string, body: BodyInit): Promise<void> {
  const headers = { authorization: 'Bearer test-ingest-key', 'content-type': type };
  const sent = await exports.default.fetch(
    new Request('https://edge.test/v1/traces', { method: 'POST', headers, body }),
  );
  expect(sent.status).toBe(200);
}

async function traceIds(path: string): Promise<string[]> {
  const response = await exports.default.fetch(new Request(`https://edge.test${path}`, { headers: KEY }));
  expect(response.status).toBe(200);
  return (await response.json<{ traceId: string }[][]>()).map(([span]) => span!.traceId);
}

const id = (n: number) => `c${n.toString(16).padStart(31, '0')}`;

it('has traces up to its bytes, and the first one anyway', async () => {
  // A third of the bytes each, and a little: two are within.
  const text = 'x'.repeat(60_000);
  const attributes = Array.from({ length: 16 }, (_, i) => ({ key: `k${i}`, value: { stringValue: text } }));
  const count = Math.ceil(MAX_ANSWER_BYTES / 3 / (16 * text.length));
  for (let n = 1; n <= 3; n++) {
    const spans = Array.from({ length: count }, (_, i) => ({
      traceId: id(n),
      spanId: (i + 1).toString(16).padStart(16, '0'),
      name: 'large',
      startTimeUnixNano: `${START_US + n}000`,
      endTimeUnixNano: `${START_US + n + 1}000`,
      attributes,
    }));
    await post('application/json', JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
  }
  const range = `endTs=${START_US / 1000 + 1}&lookback=1000`;
  expect(await traceIds(`/zipkin/api/v2/traces?spanName=large&${range}`)).toEqual([id(3), id(2)]);
  expect(await traceIds(`/zipkin/api/v2/traceMany?traceIds=${id(1)},${id(2)},${id(3)}`)).toEqual([id(1), id(2)]);
});

it('has a hundred traces, whatever is asked for', async () => {
  const startUs = START_US + 3_600_000_000;
  const ids = Array.from({ length: MAX_ANSWER_TRACES + 5 }, (_, i) => id(1_000 + i));
  await post(
    'application/x-protobuf',
    otlp(ids.map((traceId, i) => ({ traceId, id: 1, service: 'many', startUs: startUs + i }))),
  );
  const params = `serviceName=many&endTs=${startUs / 1000 + 1}&lookback=1000&limit=1000`;
  expect(await traceIds(`/zipkin/api/v2/traces?${params}`)).toEqual(ids.toReversed().slice(0, MAX_ANSWER_TRACES));
  const tooMany = await exports.default.fetch(
    new Request(`https://edge.test/zipkin/api/v2/traceMany?traceIds=${ids.join(',')}`, { headers: KEY }),
  );
  expect([tooMany.status, await tooMany.text()]).toEqual([400, 'traceIds has 105 ids: at most 100 at a time']);
});

it.each<[string, string]>([
  ['/zipkin/api/v2/services', 'a part of the edge does not answer: try again later'],
  [
    '/jaeger/api/services',
    '{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":503,"msg":"a part of the edge does not answer: try again later"}]}\n',
  ],
  [
    '/jaeger/api/v3/services',
    '{"error":{"httpCode":503,"message":"a part of the edge does not answer: try again later"}}\n',
  ],
])('%s says when to come again', async (path, text) => {
  const away = () => Promise.reject(Object.assign(new Error('reset on purpose'), { retryable: true }));
  const bindings = { ...env, TRACE_SHARD: { getByName: () => ({ catalog: away }) } } as unknown as Env;
  const request = new Request(`https://edge.test${path}`, { headers: KEY });
  const response = await worker.fetch(request as never, bindings, createExecutionContext());
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await response.text()).toBe(text);
});
