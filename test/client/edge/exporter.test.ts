import { exports } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, it, type MockInstance, vi } from 'vitest';
import { type Exporter, withSpan } from '../../../client/edge/index.ts';
import { handleTraced } from './kit.ts';

let warn: MockInstance<typeof console.warn>;
beforeEach(() => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => warn.mockRestore());

/** The edge behind a door that gives `answers` first, one for each request. */
function edgeBehind(
  ...answers: (() => Response | Promise<Response>)[]
): Exporter & { readonly times: number[]; readonly losses: (string | null)[] } {
  const times: number[] = [];
  const losses: (string | null)[] = [];
  return {
    times,
    losses,
    fetch: async (request) => {
      times.push(Date.now());
      losses.push(request.headers.get('tailrace-lost-spans'));
      const answer = answers[times.length - 1];
      return answer ? answer() : exports.default.fetch(request as never);
    },
  };
}

const busy = (status: number, retryAfter?: string) => () =>
  new Response('busy', { status, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter } });

it('tries again after a network error, 429, 502 and 503, and delivers once', async () => {
  const exporter = edgeBehind(() => Promise.reject(new TypeError('connection lost')), busy(429), busy(502), busy(503));
  const { spans } = await handleTraced(() => new Response(), { edge: { exporter } });
  expect(spans).toHaveLength(1);
  expect(exporter.times).toHaveLength(5);
  expect(warn).not.toHaveBeenCalled();
});

it('waits as long as Retry-After says', async () => {
  const exporter = edgeBehind(busy(503, '1'));
  const { spans } = await handleTraced(() => new Response(), { edge: { exporter } });
  expect(spans).toHaveLength(1);
  expect(exporter.times[1]! - exporter.times[0]!).toBeGreaterThanOrEqual(1_000);
});

it('does not wait past its budget: the spans are counted, and the count arrives with the next export', async () => {
  const exporter = edgeBehind(busy(503, '3600'));
  const lost = await handleTraced(() => withSpan('inner', () => new Response()), { edge: { exporter } });
  expect(lost.response!.status).toBe(200);
  expect(lost.spans).toEqual([]);
  expect(exporter.times).toHaveLength(1);
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/2 spans lost \(unreachable\).*answered 503/));
  const next = await handleTraced(() => new Response(), { edge: { exporter } });
  expect(next.spans[0]!.resource.attributes).toMatchObject({ 'tailrace.lost_spans.unreachable': 2 });
  expect(exporter.losses).toEqual([null, 'unreachable=2']);
  const afterwards = await handleTraced(() => new Response(), { edge: { exporter } });
  expect(afterwards.spans[0]!.resource.attributes).not.toHaveProperty('tailrace.lost_spans.unreachable');
});

it('does not repeat a refusal, says it once, and keeps the count until an export gets through', async () => {
  for (let i = 0; i < 2; i++) {
    const { spans } = await handleTraced(() => new Response(), { edge: { key: 'wrong' } });
    expect(spans).toEqual([]);
  }
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/1 spans lost \(rejected\).*answered 401/));
  const { spans } = await handleTraced(() => new Response());
  expect(spans[0]!.resource.attributes).toMatchObject({ 'tailrace.lost_spans.rejected': 2 });
});

it('counts spans that cannot be encoded', async () => {
  const { spans } = await handleTraced(() => new Response(), { edge: { resource: { broken: null as never } } });
  expect(spans).toEqual([]);
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('encode_failed'));
});

it('sends the key as a bearer token, protobuf, to /v1/traces under the endpoint', async () => {
  const seen: Request[] = [];
  const exporter: Exporter = {
    fetch: async (request) => {
      seen.push(request);
      return new Response();
    },
  };
  await handleTraced(() => new Response(), { edge: { exporter, endpoint: 'https://edge.test/prefix/', key: 'k' } });
  await handleTraced(() => new Response(), { edge: { exporter, key: undefined } });
  expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'POST https://edge.test/prefix/v1/traces',
    'POST https://tailrace/v1/traces',
  ]);
  expect(seen.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer k', null]);
  expect(seen[0]!.headers.get('content-type')).toBe('application/x-protobuf');
});

it('sends server spans, errors and slow spans only while the edge says that it is pressed, and counts the rest', async () => {
  const pressed = (pressure: string) => () => new Response(null, { headers: { 'tailrace-pressure': pressure } });
  const work = () =>
    withSpan('plain', () =>
      withSpan('failed', (span) => {
        span.setStatus('error');
        return new Response();
      }),
    );
  const exporter = edgeBehind(pressed('high'));
  await handleTraced(work, { edge: { exporter } });
  // The edge that answers now says that all is well again.
  const { spans } = await handleTraced(work, { edge: { exporter } });
  expect(spans.map(({ name }) => name)).toEqual(['GET', 'failed']);
  const after = await handleTraced(work, { edge: { exporter } });
  expect(after.spans.map(({ name }) => name)).toEqual(['GET', 'plain', 'failed']);
  expect(exporter.losses).toEqual([null, 'pressure=1', null]);
});
