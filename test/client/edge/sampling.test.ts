import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { currentSpan, type Exporter } from '../../../client/edge/index.ts';
import type { TraceContext } from '../../../client/propagation/w3c.ts';
import { CALLER_SPAN_ID, call, EDGE_OPTIONS, storedSpans } from './kit.ts';

/** The edge, and what it was asked. */
function edge(): Exporter & { readonly requests: Request[] } {
  const requests: Request[] = [];
  return {
    requests,
    fetch(request) {
      requests.push(request.clone());
      return exports.default.fetch(request as never);
    },
  };
}

/** Answers requests that begin traces; what each of them had as its own context. */
async function answer(count: number, options: object): Promise<TraceContext[]> {
  const seen: TraceContext[] = [];
  const handle = () => {
    seen.push(currentSpan().context);
    return new Response();
  };
  for (let i = 0; i < count; i++) {
    await call(handle, new Request('https://app.test/'), undefined, { ...EDGE_OPTIONS, ...options });
  }
  return seen;
}

async function put(sdk: object): Promise<void> {
  const response = await exports.default.fetch('https://edge.test/api/config', {
    method: 'PUT',
    headers: { authorization: 'Bearer test-admin-key' },
    body: JSON.stringify({ ...JSON.parse(env.TAILRACE_CONFIG!), sdk }),
  });
  expect(response.status).toBe(200);
}

it('records the share of traces that sampleRate says, and has others know', async () => {
  const exporter = edge();
  const contexts = await answer(400, { exporter, sampleRate: 0.25 });
  const sampled = contexts.filter(({ flags }) => flags & 1);
  // Five standard deviations.
  expect(Math.abs(sampled.length / 400 - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 400));
  expect(exporter.requests.length).toBe(sampled.length);
  expect(exporter.requests[0]!.headers.get('tailrace-unsampled')).toBe(null);
  for (const { traceId, flags, traceState } of contexts) {
    const isHigh = Number.parseInt(traceId.slice(18, 20), 16) >= 0xc0;
    expect([flags, traceState]).toEqual(isHigh ? [3, 'ot=th:c'] : [2, '']);
  }
  const [span] = await storedSpans(sampled[0]!.traceId);
  expect(span).toMatchObject({ traceId: sampled[0]!.traceId });
});

it('goes by a caller, and says that its spans come whatever the caller decided', async () => {
  const exporter = edge();
  for (const [i, flags] of ['00', '01'].entries()) {
    const traceId = `${i}5`.repeat(16);
    const headers = { traceparent: `00-${traceId}-${CALLER_SPAN_ID}-${flags}`, tracestate: 'ot=th:c' };
    const request = new Request('https://app.test/', { headers });
    await call(() => new Response(), request, undefined, { ...EDGE_OPTIONS, exporter, sampleRate: 0 });
    expect(await storedSpans(traceId)).toHaveLength(1);
  }
  expect(exporter.requests.map(({ headers }) => headers.get('tailrace-unsampled'))).toEqual(['sent', 'sent']);
});

it('does as the edge says from the request after its answer on', async () => {
  const exporter = edge();
  const isSampled = async () => (await answer(1, { exporter }))[0]!.flags === 3;
  expect(await isSampled()).toBe(true);
  await put({ sampleRate: 0 });
  await expect.poll(isSampled, { timeout: 20_000, interval: 500 }).toBe(false);
  expect(exporter.requests.some(({ url }) => new URL(url).pathname === '/v1/config')).toBe(true);
}, 30_000);

it('is not traced where its own sampleRate is wrong', async () => {
  expect(await answer(1, { sampleRate: 2 })).toMatchObject([{ traceId: '0'.repeat(32) }]);
});
