import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createExporter, sendOnce } from '../../../client/recorder/exporter.ts';
import { createGate } from '../../../client/recorder/gate.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that gives these answers, one after the other; a status of 0 cuts the connection. */
async function answering(...answers: { status: number; retryAfter?: string; body?: string }[]) {
  const bodies: string[] = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    bodies.push(`${request.headers['content-type']} ${body}`);
    const { status, retryAfter, body: answer = '{}' } = answers.shift()!;
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, retryAfter ? { 'retry-after': retryAfter } : {}).end(answer);
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, bodies };
}

const BYTES = new TextEncoder().encode('batch');

describe('sendOnce', () => {
  it.each([
    [200, 'accepted'],
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

  it('believes only the edge that a batch was taken, and how much of it', async () => {
    const { url } = await answering(
      { status: 200, body: '<html>Sign in</html>' },
      { status: 200, body: '{"rejected":3}' },
    );
    expect((await sendOnce(fetch, url, BYTES)).outcome).toBe('unavailable');
    expect(await sendOnce(fetch, url, BYTES)).toMatchObject({ outcome: 'accepted', refused: 3 });
  });
});

describe('an exporter', () => {
  /** Time passes only while it waits. */
  function exporting(url: string) {
    const delays: number[] = [];
    let nowMs = 0;
    const wait = async (ms: number) => {
      delays.push(ms);
      nowMs += ms;
    };
    const exporter = createExporter({ fetch, url, gate: createGate(() => 0.5), nowMs: () => nowMs, wait });
    return {
      delays,
      exporter,
      pass: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  it('tries again after network errors and 5xx, ever later', async () => {
    const { url, bodies } = await answering({ status: 0 }, { status: 503 }, { status: 200 });
    const { exporter, delays } = exporting(url);
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'accepted', attempts: 3, waitMs: 0 });
    expect(bodies).toHaveLength(3);
    expect(delays).toEqual([750, 1_500]);
  });

  it('waits a little longer than the edge asks for, so that not all come back at once', async () => {
    const { url } = await answering({ status: 429, retryAfter: '2' }, { status: 200 });
    const { exporter, delays } = exporting(url);
    expect((await exporter.send(BYTES)).outcome).toBe('accepted');
    expect(delays).toEqual([2_750]);
  });

  it('sends nothing for as long as the edge asks for, and does not hold the batch meanwhile', async () => {
    const { url, bodies } = await answering({ status: 503, retryAfter: '120' }, { status: 200 });
    const { exporter, delays, pass } = exporting(url);
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 1, waitMs: 120_750 });
    pass(110_000);
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 0, waitMs: 10_750 });
    expect([bodies.length, delays]).toEqual([1, []]);
    pass(10_751);
    expect((await exporter.send(BYTES)).outcome).toBe('accepted');
  });

  it('does not repeat what was rejected', async () => {
    const { url, bodies } = await answering({ status: 400 });
    expect(await exporting(url).exporter.send(BYTES)).toMatchObject({ outcome: 'rejected', attempts: 1 });
    expect(bodies).toHaveLength(1);
  });

  it('gives up after three attempts; while the circuit is open it does not try, and then once', async () => {
    const { url, bodies } = await answering(...Array.from({ length: 6 }, () => ({ status: 500 })), { status: 200 });
    const { exporter, pass } = exporting(url);
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 3, waitMs: 3_000 });
    // Three seconds are waited for, more are not.
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 1, waitMs: 6_000 });
    pass(6_000);
    // The fifth failure opens it.
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 1, waitMs: 12_000 });
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 0 });
    pass(12_000);
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'unavailable', attempts: 1, waitMs: 24_000 });
    expect(bodies).toHaveLength(6);
    // The network is said to be back.
    exporter.reopen();
    expect(await exporter.send(BYTES)).toMatchObject({ outcome: 'accepted', attempts: 1 });
  });

  it('stops when nobody wants it any more', async () => {
    const { url, bodies } = await answering(...Array.from({ length: 4 }, () => ({ status: 500 })));
    let isWanted = true;
    const sending = exporting(url).exporter.send(BYTES, () => {
      const was = isWanted;
      isWanted = false;
      return was;
    });
    expect(await sending).toMatchObject({ outcome: 'unavailable', attempts: 1 });
    expect(bodies).toHaveLength(1);
  });
});
