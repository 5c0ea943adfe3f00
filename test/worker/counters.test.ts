import { env, exports } from 'cloudflare:workers';
import { expect, it, vi } from 'vitest';

it('tells the Ledger what was counted though no further request comes', async () => {
  expect((await exports.default.fetch('https://tailrace/health')).status).toBe(200);
  const ledger = env.LEDGER.getByName('ledger');
  const requests = async () => (await ledger.read())['tailrace_cost_worker_requests_total{by="worker"}'] ?? 0;
  expect(await requests()).toBe(0);
  await vi.waitUntil(async () => (await requests()) === 1, { timeout: 15_000, interval: 500 });
});
