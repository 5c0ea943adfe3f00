import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import { serverAttributes } from '../../../client/edge/http-attributes.ts';
import { currentSpan, type EdgeOptions, instrument, withSpan } from '../../../client/edge/index.ts';
import { CALLER_SPAN_ID, call, EDGE_OPTIONS, handleTraced, sequenceOf, storedSpans } from './kit.ts';

describe('the server span', () => {
  it('continues the caller and says what HTTP says', async () => {
    const { response, spans } = await handleTraced(() => new Response('hello', { status: 201 }), {
      url: 'http://app.test:8080/things/7?q=1&token=s3cret',
      init: { method: 'POST', body: 'x', headers: { 'user-agent': 'test', 'cf-ray': 'ray-1' } },
    });
    expect([response!.status, await response!.text()]).toEqual([201, 'hello']);
    expect(spans).toHaveLength(1);
    const [span] = spans;
    expect(span).toMatchObject({
      parentSpanId: CALLER_SPAN_ID,
      name: 'POST',
      kind: 'server',
      state: 'ended',
      status: { code: 'unset' },
      scope: { name: 'tailrace/edge' },
    });
    expect(span!.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.response.status_code': 201,
      'url.scheme': 'http',
      'url.path': '/things/7',
      // What the SDK leaves, the edge scrubs.
      'url.query': 'q=REDACTED&token=REDACTED',
      'server.address': 'app.test',
      'server.port': 8080,
      'user_agent.original': 'test',
      'cloudflare.ray_id': 'ray-1',
      'faas.trigger': 'http',
    });
    expect(span!.resource.attributes).toMatchObject({
      'service.name': 'worker-under-test',
      'cloud.provider': 'cloudflare',
      'telemetry.sdk.name': 'tailrace',
    });
  });

  it('leaves out secrets in the query before they are sent', () => {
    const request = new Request('https://app.test/?q=1&token=s3cret&Signature=x');
    expect(new Map(serverAttributes(request)).get('url.query')).toBe('q=1&token=REDACTED&Signature=REDACTED');
  });

  it('is named after its route when the handler knows it, and after a name of its own when it is given one', async () => {
    const routed = await handleTraced(() => {
      currentSpan().setAttribute('http.route', '/things/:id');
      return new Response();
    });
    expect(routed.spans[0]!.name).toBe('GET /things/:id');
    const named = await handleTraced(() => {
      currentSpan().setAttribute('http.route', '/things/:id').updateName('read a thing');
      return new Response();
    });
    expect(named.spans[0]!.name).toBe('read a thing');
  });

  it.each([
    [404, 'unset', undefined],
    [500, 'error', '500'],
    [503, 'error', '503'],
  ] as const)('of an answer %d has the status %s', async (status, code, errorType) => {
    const { spans } = await handleTraced(() => new Response(null, { status }));
    expect(spans[0]!.status.code).toBe(code);
    expect(spans[0]!.attributes['error.type']).toBe(errorType);
  });

  it('records what the handler throws and throws it on unchanged', async () => {
    const error = new RangeError('out of stock');
    const { thrown, spans } = await handleTraced(() => {
      throw error;
    });
    expect(thrown).toBe(error);
    expect(spans[0]!.status).toEqual({ code: 'error', message: 'out of stock' });
    expect(spans[0]!.attributes['error.type']).toBe('RangeError');
    expect(spans[0]!.events[0]).toMatchObject({
      name: 'exception',
      attributes: { 'exception.type': 'RangeError', 'exception.message': 'out of stock' },
    });
    expect(spans[0]!.events[0]!.attributes['exception.stacktrace']).toContain('instrument.test.ts');
  });

  it('starts a new, sampled trace when traceparent is missing or bad', async () => {
    for (const traceparent of [undefined, 'nonsense', `00-${'0'.repeat(32)}-${CALLER_SPAN_ID}-01`, 'ff-aa-bb-cc']) {
      const request = new Request('https://app.test/', {
        headers: traceparent === undefined ? {} : { traceparent, tracestate: 'a=b' },
      });
      let traceId = '';
      await call(
        () => {
          const { context } = currentSpan();
          traceId = context.traceId;
          expect(context).toMatchObject({ flags: 3, traceState: '' });
          return new Response();
        },
        request,
        {},
        EDGE_OPTIONS,
      );
      const [span] = await storedSpans(traceId);
      expect(span).toMatchObject({ traceId, name: 'GET' });
      expect(span).not.toHaveProperty('parentSpanId');
    }
  });

  it('keeps an unsampled caller unsampled', async () => {
    const traceId = 'ab'.repeat(16);
    await handleTraced(
      () => {
        expect(currentSpan().context).toMatchObject({ traceId, flags: 0, traceState: 'vendor=1' });
        return new Response();
      },
      { init: { headers: { traceparent: `00-${traceId}-${CALLER_SPAN_ID}-00`, tracestate: 'vendor=1' } } },
    );
    expect(await storedSpans(traceId)).toHaveLength(1);
  });

  it('does not read or replace the response', async () => {
    const { readable, writable } = new IdentityTransformStream();
    const made = new Response(readable);
    const { response } = await handleTraced(() => made);
    expect(response).toBe(made);
    expect(response!.bodyUsed).toBe(false);
    const writer = writable.getWriter();
    const text = response!.text();
    await writer.write(new TextEncoder().encode('late'));
    await writer.close();
    expect(await text).toBe('late');
  });
});

describe('withSpan', () => {
  it('nests by async context, in parallel too, and keeps the order of starts though the clock stands still', async () => {
    // In production it does between two of I/O; here it may go on while the machine is busy.
    vi.useFakeTimers({ toFake: ['Date'] });
    const { spans } = await handleTraced(async () => {
      await Promise.all(
        ['a', 'b'].map((name) =>
          withSpan(name, async (span) => {
            await Promise.resolve();
            expect(currentSpan()).toBe(span);
            return withSpan(`${name} inner`, () => currentSpan().setAttribute('which', name));
          }),
        ),
      );
      return new Response();
    }).finally(() => vi.useRealTimers());
    expect(spans.map(sequenceOf)).toEqual([0, 1, 2, 3, 4]);
    expect(spans.map(({ name }) => name)).toEqual(['GET', 'a', 'b', 'a inner', 'b inner']);
    const [server, a, b, innerA, innerB] = spans;
    expect([a, b].map((span) => span!.parentSpanId)).toEqual([server!.spanId, server!.spanId]);
    expect([innerA, innerB].map((span) => span!.parentSpanId)).toEqual([a!.spanId, b!.spanId]);
    expect(innerB!.attributes).toMatchObject({ which: 'b' });
    expect(innerB!.durationUs).toBe(0);
  });

  it('measures I/O, and does not call that clock frozen', async () => {
    const { spans } = await handleTraced(async () => {
      await withSpan('wait', () => scheduler.wait(20));
      return new Response();
    });
    expect(spans[1]!.durationUs).toBeGreaterThanOrEqual(19_000);
    expect(spans[1]!.attributes).not.toHaveProperty('tailrace.clock_frozen');
  });

  it('returns what the function returns, records what it throws and throws it on', async () => {
    const { spans, response } = await handleTraced(async () => {
      expect(withSpan('sync', () => 7)).toBe(7);
      expect(() =>
        withSpan('sync throw', () => {
          throw new TypeError('no');
        }),
      ).toThrow('no');
      await expect(withSpan('async throw', () => Promise.reject('text'))).rejects.toBe('text');
      return new Response('fine');
    });
    expect(response!.status).toBe(200);
    expect(spans.map(({ name, status }) => [name, status])).toEqual([
      ['GET', { code: 'unset' }],
      ['sync', { code: 'unset' }],
      ['sync throw', { code: 'error', message: 'no' }],
      ['async throw', { code: 'error', message: 'text' }],
    ]);
    expect(spans[3]!.events[0]!.attributes).toEqual({ 'exception.type': 'string', 'exception.message': 'text' });
  });

  it('only runs the function outside a traced request', () => {
    expect(withSpan('nothing', (span) => span.setAttribute('a', 1).addEvent('b').context.traceId)).toMatch(/^0{32}$/);
    expect(currentSpan().context.flags).toBe(0);
  });

  it('records attributes, events and status, and ignores what is not a value or comes after the end', async () => {
    const { spans } = await handleTraced(async () => {
      const span = withSpan('work', (inner) =>
        inner
          .setAttributes({ list: ['a', 'b'], absent: undefined })
          .setAttribute('bad', { not: 'a value' } as never)
          .setAttribute('bad', null as never)
          .setStatus('nonsense' as never)
          .addEvent('packed', { items: 3, bad: null as never })
          .setStatus('ok', 'only errors have one'),
      );
      span.setAttribute('late', true).updateName('late').addEvent('late').setStatus('error');
      return new Response();
    });
    const { attributes, events, status, name } = spans[1]!;
    expect({ events, status, name }).toMatchObject({
      name: 'work',
      status: { code: 'ok' },
      events: [{ name: 'packed', attributes: { items: 3 } }],
    });
    expect(events).toHaveLength(1);
    expect(attributes.list).toEqual(['a', 'b']);
    expect(attributes).not.toHaveProperty('bad');
    expect(attributes).not.toHaveProperty('absent');
    expect(attributes).not.toHaveProperty('late');
  });

  it('drops attributes and events beyond 128 and counts the spans beyond 2,000', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { spans } = await handleTraced(() => {
      withSpan('much', (span) => {
        for (let i = 0; i < 200; i++) span.setAttribute(`key ${i}`, i).addEvent(`event ${i}`);
      });
      for (let i = 0; i < 2_005; i++) withSpan(`span ${i}`, () => {});
      return new Response();
    });
    expect(spans).toHaveLength(2_000);
    expect(spans[1]!.events).toHaveLength(128);
    expect(spans[1]!.attributes).toMatchObject({ 'key 126': 126 });
    expect(spans[1]!.attributes).not.toHaveProperty('key 127');
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('too_many_spans'));
    // The count arrives with the same or the next export, whichever comes after the loss.
    expect(spans[0]!.resource.attributes['tailrace.lost_spans.too_many_spans']).toBe(7);
    warn.mockRestore();
  });
});

describe('work after the response', () => {
  it('is shown as open until it ends, then exported again', async () => {
    const worker = instrument(
      {
        fetch(_request: Request, _env: unknown, ctx: ExecutionContext) {
          ctx.waitUntil(withSpan('later', () => finish.promise));
          traceId = currentSpan().context.traceId;
          return new Response();
        },
      },
      EDGE_OPTIONS,
    );
    const finish = Promise.withResolvers<void>();
    let traceId = '';
    const ctx = createExecutionContext();
    await worker.fetch!(new Request('https://app.test/') as never, {}, ctx as never);
    const first = await vi.waitUntil(async () => {
      const spans = await storedSpans(traceId);
      return spans.length > 0 && spans;
    });
    expect(first.map(({ name, state }) => [name, state])).toEqual([
      ['GET', 'ended'],
      ['later', 'open'],
    ]);
    finish.resolve();
    await waitOnExecutionContext(ctx);
    expect((await storedSpans(traceId)).map(({ name, state }) => [name, state])).toEqual([
      ['GET', 'ended'],
      ['later', 'ended'],
    ]);
  });
});

describe('the handler', () => {
  it('keeps its other methods, its own this, and its properties', async () => {
    class Worker {
      readonly #answer = 'private';
      readonly label = 'mine';
      fetch() {
        return new Response(this.#answer);
      }
      async scheduled() {
        return this.#answer;
      }
    }
    const worker = instrument(new Worker() as unknown as ExportedHandler, EDGE_OPTIONS) as unknown as Worker;
    expect(await worker.scheduled()).toBe('private');
    expect(worker.label).toBe('mine');
    const ctx = createExecutionContext();
    const handler = worker as unknown as ExportedHandler;
    const response = await handler.fetch!(new Request('https://app.test/') as never, {}, ctx as never);
    expect(await response.text()).toBe('private');
    await waitOnExecutionContext(ctx);
  });

  it.each([
    ['no service name', { endpoint: 'https://edge.test' }, 'serviceName'],
    ['no destination', { serviceName: 'a' }, 'endpoint or exporter'],
    ['an endpoint that is no URL', { serviceName: 'a', endpoint: 'edge.test' }, "not 'edge.test'"],
    ['propagateTo that is no list', { serviceName: 'a', endpoint: 'https://e.test', propagateTo: 'x' }, 'propagateTo'],
    ['nothing', undefined, 'options must be'],
  ])('runs untraced, after one warning, with %s', async (_, options, message) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const worker = instrument({ fetch: () => new Response('served') }, options as unknown as EdgeOptions);
    for (let i = 0; i < 2; i++) {
      const response = await worker.fetch!(new Request('https://app.test/') as never, {}, createExecutionContext());
      expect(await response.text()).toBe('served');
    }
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(message));
    warn.mockRestore();
  });

  it('answers untraced when tracing itself fails', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const env = {
      get broken() {
        throw new Error('no such binding');
      },
    };
    const worker = instrument({ fetch: () => new Response('served') }, EDGE_OPTIONS);
    const response = await worker.fetch!(new Request('https://app.test/') as never, env, createExecutionContext());
    expect(await response.text()).toBe('served');
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('no such binding'));
    warn.mockRestore();
  });

  it('takes options that depend on env, and survives a function that throws', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    let traceId = '';
    const fetch = () => {
      traceId = currentSpan().context.traceId;
      return new Response('served');
    };
    const ctx = createExecutionContext();
    const worker = instrument<{ KEY: string }>({ fetch }, (env) => ({ ...EDGE_OPTIONS, key: env.KEY }));
    await worker.fetch!(new Request('https://app.test/') as never, { KEY: 'test-ingest-key' }, ctx);
    await waitOnExecutionContext(ctx);
    expect(await storedSpans(traceId)).toHaveLength(1);
    const broken = instrument({ fetch }, () => {
      throw new Error('no such secret');
    });
    const response = await broken.fetch!(new Request('https://app.test/') as never, {}, createExecutionContext());
    expect(await response.text()).toBe('served');
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('no such secret'));
    warn.mockRestore();
  });
});
