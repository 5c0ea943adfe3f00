import { Hono } from 'hono';
import { expect, it } from 'vitest';
import type { ApiError } from '../../model/span.ts';
import { HttpError } from '../../worker/errors.ts';
import { limitQueries } from '../../worker/query/limits.ts';

const LIMITS = { perKey: 3, queryMs: 50, streamMs: 1_000 };

/** Answers a query when it is told to. */
function start() {
  let nowMs = 0;
  const waiting: (() => void)[] = [];
  const app = new Hono();
  app.onError((error) => {
    const failure = error as HttpError;
    return Response.json(failure.body, { status: failure.status, headers: failure.headers });
  });
  app.use('/*', async (c, next) => {
    c.set('caller', { who: c.req.header('who') ?? 'anyone', class: 'read', key: null });
    await next();
  });
  app.use(
    '/*',
    limitQueries(() => nowMs, LIMITS),
  );
  app.all('/wait', async (c) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return c.text('there');
  });
  app.get('/fail', () => {
    throw new HttpError(400, 'bad_query', 'on purpose');
  });
  app.get('/stream', (c) => {
    c.var.query.goOn(nowMs);
    waiting.push(() => c.var.query.release());
    return c.text('going on');
  });
  const call = async (path: string, who = 'a', method = 'GET') => app.request(path, { method, headers: { who } });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const answer = () => {
    for (const go of waiting.splice(0)) go();
  };
  return { call, waiting, pass, answer };
}

const codeOf = async (response: Response) => (await response.json<ApiError>()).error.code;

it('answers so many queries of a key at a time, and as many of another', async () => {
  const { call, waiting, answer } = start();
  const running = [call('/wait'), call('/wait'), call('/wait')];
  expect(waiting).toHaveLength(3);
  const refused = await call('/wait');
  expect([refused.status, refused.headers.get('retry-after'), await codeOf(refused)]).toEqual([
    429,
    '1',
    'too_many_queries',
  ]);
  running.push(call('/wait', 'b'));
  // What is not read is no query.
  running.push(call('/wait', 'a', 'POST'));
  expect(waiting).toHaveLength(5);
  answer();
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  for (let i = 0; i < 5; i++) expect(await codeOf(await call('/fail'))).toBe('bad_query');
});

it('answers 504 for one that takes too long', async () => {
  const { call } = start();
  const late = await call('/wait');
  expect([late.status, await codeOf(late)]).toEqual([504, 'timeout']);
  for (let i = 0; i < 5; i++) expect((await call('/fail')).status).toBe(400);
});

it('counts a stream until it ends', async () => {
  const { call, answer } = start();
  for (let i = 0; i < 3; i++) expect((await call('/stream')).status).toBe(200);
  expect((await call('/stream')).status).toBe(429);
  answer();
  expect((await call('/stream')).status).toBe(200);
});

it('does not count for ever what never ends, because its client has left', async () => {
  const { call, pass } = start();
  for (let i = 0; i < 3; i++) await call('/stream');
  pass(LIMITS.streamMs - 1);
  expect((await call('/stream')).status).toBe(429);
  pass(1);
  expect((await call('/stream')).status).toBe(200);
});
