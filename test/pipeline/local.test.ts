import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { spawnEdge, startEdge } from '../kit/edge.ts';
import { parseOpenMetrics } from '../kit/openmetrics.ts';
import { tempDir } from '../kit/temp-dir.ts';

/** `ps` as it stands now: one `pid ppid command` a process. */
const processes = () => execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
const workerdsOf = (pid: number) =>
  processes().filter((line) => new RegExp(`^\\s*\\d+\\s+${pid}\\s+\\S*workerd serve`).test(line));
const isAlive = (line: string) => processes().includes(line);

/** Sends one span and waits for the acknowledgement. */
async function sendSpan(url: string, traceId: string): Promise<void> {
  const now = `${Date.now()}000000`;
  const span = { traceId, spanId: 'eee19b7ec3c1b174', name: 'hello', startTimeUnixNano: now, endTimeUnixNano: now };
  const response = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
  });
  expect(response.status, await response.text()).toBe(200);
}

test('an edge killed with SIGKILL leaves no workerd, and has what it acknowledged when it starts again', async () => {
  using dir = tempDir();
  const first = await spawnEdge({ stateDir: dir.path });
  const [workerd] = workerdsOf(first.pid);
  expect(workerd).toBeDefined();
  await sendSpan(first.url, '0af7651916cd43dd8448eb211c80319c');
  await first.kill();
  expect(isAlive(workerd!)).toBe(false);

  const second = await spawnEdge({ stateDir: dir.path, port: Number(new URL(first.url).port) });
  expect(second.url).toBe(first.url);
  const [other] = workerdsOf(second.pid);
  const answer = await fetch(`${second.url}/api/traces/0af7651916cd43dd8448eb211c80319c`);
  expect(await answer.json()).toMatchObject({ spans: [{ name: 'hello' }] });
  await second.close();
  expect(isAlive(other!)).toBe(false);
});

test('when only Node is killed, workerd goes with it', async () => {
  using dir = tempDir();
  const edge = await spawnEdge({ stateDir: dir.path });
  const [workerd] = workerdsOf(edge.pid);
  process.kill(edge.pid, 'SIGKILL');
  await expect
    .poll(() => processes().filter((line) => line.trim().startsWith(`${workerd!.trim().split(' ')[0]} `)), {
      timeout: 5_000,
    })
    .toEqual([]);
});

test('a taken port is refused by name', async () => {
  const edge = await startEdge();
  try {
    const port = Number(new URL(edge.url).port);
    await expect(startEdge({ port })).rejects.toThrow(`Port ${port} on 127.0.0.1 is already in use`);
  } finally {
    await edge.close();
  }
});

test('what services call, and what Prometheus is told of it, follows from what was sent', async () => {
  const edge = await startEdge();
  try {
    const now = `${Date.now()}000000`;
    const at = { traceId: '0af7651916cd43dd8448eb211c80319d', startTimeUnixNano: now, endTimeUnixNano: now };
    const spansOf = (service: string, spans: object[]) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [{ spans: spans.map((span) => ({ ...at, kind: 2, ...span })) }],
    });
    const shop = spansOf('shop', [{ spanId: 'eee19b7ec3c1b174', name: 'GET /' }]);
    const stock = spansOf('stock', [
      { spanId: 'eee19b7ec3c1b175', parentSpanId: 'eee19b7ec3c1b174', name: 'GET /stock' },
    ]);
    const body = JSON.stringify({ resourceSpans: [shop, stock] });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${edge.url}/v1/traces`, { method: 'POST', headers, body })).status).toBe(200);
    const dependencies = async () => (await (await fetch(`${edge.url}/api/dependencies`)).json()).dependencies;
    await expect
      .poll(dependencies, { timeout: 30_000, interval: 500 })
      .toMatchObject([{ parent: 'shop', child: 'stock', calls: 1 }]);
    const metrics = await fetch(`${edge.url}/metrics/red`);
    expect(metrics.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
    const series = 'traces_service_graph_request_total{client="shop",server="stock"}';
    expect(parseOpenMetrics(await metrics.text()).get(series)).toBe(1);
  } finally {
    await edge.close();
  }
});
