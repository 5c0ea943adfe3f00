/** 20,000 inputs of each protocol; a million by `npm run fuzz`. */
import { env } from 'cloudflare:workers';
import { expect, it, vi } from 'vitest';
import worker from '../../worker/index.ts';
import { expectCounted, fuzz } from '../kit/fuzz/fuzz.ts';
import type { FuzzEdge } from '../kit/fuzz/protocol.ts';
import { FUZZ_PROTOCOLS as PROTOCOLS } from '../kit/fuzz/protocols.ts';
import { parseOpenMetrics } from '../kit/openmetrics.ts';
import { pickSeed } from '../kit/random.ts';

const { FUZZ_INPUTS, FUZZ_PROTOCOLS, SEED } = env as unknown as Readonly<Record<string, string | undefined>>;
const INPUTS = Number(FUZZ_INPUTS || 20_000);
const NAMES = (FUZZ_PROTOCOLS ?? '').split(',');
const CASES = PROTOCOLS.filter(({ name }) => NAMES.some((part) => name.includes(part))).map(
  (protocol) => [INPUTS * (protocol.share ?? 1), protocol.name, protocol] as const,
);
/** The handler itself is called: to go through the runtime's front takes longer than all that is tested. */
const CONTEXT = { waitUntil() {}, passThroughOnException() {} } as unknown as ExecutionContext;

/** Keys are not what is tested, and to check one takes a third of the time of an input that is refused. */
const OPEN_ENV = { ...env, TAILRACE_OPEN: '1' };

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  return worker.fetch(new Request(`https://edge.test${path}`, init as never) as never, OPEN_ENV, CONTEXT);
}

const EDGE: FuzzEdge = {
  call,
  connect: async (path, onText, onClose) => {
    const { webSocket } = await call(path, { headers: { upgrade: 'websocket' } });
    const socket = webSocket!;
    socket.addEventListener('message', ({ data }) => onText(data as string));
    socket.addEventListener('close', onClose);
    socket.accept();
    return (message) => socket.send(message);
  },
};

async function metrics(): Promise<Map<string, number>> {
  return parseOpenMetrics(new TextDecoder().decode(await (await call('/metrics')).arrayBuffer()));
}

it.each(CASES)(
  'takes or refuses %i inputs of %s, loses none and breaks at none',
  { timeout: 120_000 + 10 * INPUTS },
  async (inputs, name, protocol) => {
    const errors = vi.spyOn(console, 'error');
    const before = await metrics();
    const report = await fuzz(protocol, EDGE, { seed: pickSeed(SEED || undefined), inputs });
    console.log(name, JSON.stringify(report));
    expectCounted(protocol, report, before, await metrics());
    expect(report.statuses[200]).toBeGreaterThan(inputs / 8);
    expect(report.statuses[400]).toBeGreaterThan(inputs / 8);
    expect(report.readBack).toBe(report.sent - report.rejected);
    expect(report.readBack).toBeGreaterThan(inputs / 50);
    expect(errors.mock.calls).toEqual([]);
  },
);
