import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sendOnce, sendWithRetry } from '../../../client/recorder/exporter.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that gives these answers, one after the other; a status of 0 cuts the connection. */
async function answering(...answers: { status: number; retryAfter?: string }[]) {
  const bodies: string[] = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    bodies.push(`${request.headers['content-type']} ${body}`);
    const { status, retryAfter } = answers.shift()!;
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, retryAfter ? { 'retry-after': retryAfter } : {}).end('{}');
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, bodies };
}

const BYTES = new TextEncoder().encode('batch');

describe('sendOnce', () => {
  it.each([
    [200, 'accepted'],
    [204, 'accepted'],
    [400, 'rejected'],
    [401, 'rejected'],
    [413, 'rejected'],
    [408, 'unavailable'],
    [429, 'unavailable'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [0, 'unavailable'],
  ])('takes status %i as %s', async (status, outcome) => {
    const { url, bodies } = await answering({ status });
    expect((await sendOnce(fetch, url, BYTES)).outcome).toBe(outcome);
    expect(bodies).toEqual(['text/plain batch']);
  });
});

describe('sendWithRetry', () => {
  const delays: number[] = [];
  const wait = async (ms: number) => void delays.push(ms);
  const always = () => true;

  beforeEach(() => {
    delays.length = 0;
  });

  it('tries again after network errors and 5xx, ever later', async () => {
    const { url, bodies } = await answering({ status: 0 }, { status: 503 }, { status: 200 });
    expect((await sendWithRetry(fetch, url, BYTES, always, wait)).outcome).toBe('accepted');
    expect(bodies).toHaveLength(3);
    const [first, second] = delays as [number, number];
    expect(first).toBeGreaterThanOrEqual(500);
    expect(first).toBeLessThan(1000);
    expect(second).toBeGreaterThanOrEqual(1000);
    expect(second).toBeLessThan(2000);
  });

  it('waits a little longer than the edge asks for, so that not all come back at once', async () => {
    const { url } = await answering({ status: 429, retryAfter: '7' }, { status: 200 });
    expect((await sendWithRetry(fetch, url, BYTES, always, wait)).outcome).toBe('accepted');
    expect(delays).toEqual([expect.any(Number)]);
    expect(delays[0]).toBeGreaterThanOrEqual(7500);
    expect(delays[0]).toBeLessThan(8000);
  });

  it('waits for half a minute at most, and not as long as all others', async () => {
    const { url } = await answering({ status: 429, retryAfter: '3600' }, { status: 200 });
    expect((await sendWithRetry(fetch, url, BYTES, always, wait)).outcome).toBe('accepted');
    expect(delays[0]).toBeGreaterThanOrEqual(30_500);
    expect(delays[0]).toBeLessThan(31_000);
  });

  it('does not repeat what was rejected', async () => {
    const { url, bodies } = await answering({ status: 400 });
    expect((await sendWithRetry(fetch, url, BYTES, always, wait)).outcome).toBe('rejected');
    expect(bodies).toHaveLength(1);
  });

  it('gives up after four attempts, and when nobody wants it any more', async () => {
    const failures = Array.from({ length: 8 }, () => ({ status: 500 }));
    const { url, bodies } = await answering(...failures);
    expect((await sendWithRetry(fetch, url, BYTES, always, wait)).outcome).toBe('unavailable');
    expect(bodies).toHaveLength(4);
    expect((await sendWithRetry(fetch, url, BYTES, () => false, wait)).outcome).toBe('unavailable');
    expect(bodies).toHaveLength(5);
  });
});
