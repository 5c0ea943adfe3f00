/** The short form of `npm run fuzz`, against a server, whose memory can be seen. */
import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { OPEN_VARS, startEdge } from '../kit/edge.ts';
import { expectCounted, fuzz } from '../kit/fuzz/fuzz.ts';
import type { FuzzEdge } from '../kit/fuzz/protocol.ts';
import { FUZZ_PROTOCOLS } from '../kit/fuzz/protocols.ts';
import { pickSeed } from '../kit/random.ts';
import { rssOfWorkerd } from '../kit/rss.ts';
import { metrics } from './fixtures/edge-answers.ts';

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 1_000);
const NAMES = (process.env.FUZZ_PROTOCOLS ?? '').split(',');
/** How many inputs make all caches as large as they get. */
const WARM = Math.min(50_000, INPUTS / 2);
/** What workerd may take more after all inputs than after the first. */
const MAX_GROWTH_BYTES = 256 * 1024 * 1024;
/** Traces are decided and leave memory while the inputs come. */
const VARS = {
  ...OPEN_VARS,
  TAILRACE_CONFIG: JSON.stringify({ probability: 0.01, alarmMs: 1_000, memory: { liveBytes: 16 * 1024 * 1024 } }),
};

it.each(FUZZ_PROTOCOLS.filter(({ name }) => NAMES.some((part) => name.includes(part))))(
  `survives ${INPUTS} inputs of $name`,
  { timeout: 60_000 + 20 * INPUTS },
  async (protocol) => {
    const edge = await startEdge({ vars: VARS });
    try {
      const door = doorOf(edge.url);
      const seed = pickSeed(process.env.SEED);
      const before = await metrics(edge.url);
      const first = await fuzz(protocol, door, { seed, inputs: WARM });
      await expectCounts(edge.url, (after) => expectCounted(protocol, first, before, after));
      const warmRss = rssOfWorkerd();
      const between = await metrics(edge.url);
      const rest = await fuzz(protocol, door, { seed: seed + WARM, inputs: INPUTS - WARM });
      await expectCounts(edge.url, (after) => expectCounted(protocol, rest, between, after));
      const rss = rssOfWorkerd();
      console.log(protocol.name, JSON.stringify([first, rest]), `RSS ${warmRss >> 20} → ${rss >> 20} MiB`);
      expect(warmRss).toBeGreaterThan(0);
      expect(rss - warmRss).toBeLessThan(MAX_GROWTH_BYTES);
      expect(edge.logs).toEqual([]);
    } finally {
      await edge.close();
    }
  },
);

function doorOf(url: string): FuzzEdge {
  return {
    call: (path, init) => fetch(`${url}${path}`, init),
    connect: async (path, onText, onClose) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`);
      socket.addEventListener('message', ({ data }) => onText(data as string));
      socket.addEventListener('close', onClose);
      await once(socket, 'open');
      return (message) => socket.send(message as Uint8Array<ArrayBuffer>);
    },
  };
}

/** The isolate that is asked may not be the one that has counted. */
async function expectCounts(url: string, check: (after: Map<string, number>) => void): Promise<void> {
  await vi.waitFor(async () => check(await metrics(url)), { timeout: 15_000, interval: 500 });
}
