/** `npm run fuzz -- --server`: over HTTP to a server of its own, whose memory can be seen. */
import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { OPEN_VARS, startEdge } from '../kit/edge.ts';
import { expectCounted, fuzz } from '../kit/fuzz/fuzz.ts';
import type { FuzzEdge } from '../kit/fuzz/protocol.ts';
import { FUZZ_PROTOCOLS } from '../kit/fuzz/protocols.ts';
import { pickSeed } from '../kit/random.ts';
import { rssOfWorkerd } from '../kit/rss.ts';
import { metrics } from './fixtures/edge-answers.ts';

const INPUTS = Number(process.env.FUZZ_INPUTS);
const NAMES = (process.env.FUZZ_PROTOCOLS ?? '').split(',');
/** A line is printed after so many rounds. */
const PRINT_ROUNDS = 4;
/** After half of so many inputs all caches, and the heap itself, are as large as they get; how much more the other half may take. */
const SETTLED_INPUTS = 100_000;
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
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
      const started = performance.now();
      const rss: number[] = [];
      const onRound = (inputs: number) => {
        rss.push(rssOfWorkerd());
        if (rss.length % PRINT_ROUNDS > 0) return;
        const perSecond = Math.round(inputs / ((performance.now() - started) / 1000));
        console.log(`${protocol.name}: ${inputs} inputs, ${perSecond}/s, RSS ${rss.at(-1)! >> 20} MiB`);
      };
      const report = await fuzz(protocol, door, { seed, inputs: INPUTS, onRound });
      console.log(protocol.name, JSON.stringify(report));
      await expectCounts(edge.url, (after) => expectCounted(protocol, report, before, after));
      const highest = (from: number, to: number) => Math.max(...rss.slice(from * rss.length, to * rss.length));
      expect(highest(0, 1)).toBeGreaterThan(0);
      if (INPUTS >= SETTLED_INPUTS) expect(highest(0.5, 1) - highest(0, 0.5)).toBeLessThan(MAX_GROWTH_BYTES);
      // workerd's own remark of an alarm that is late on a busy machine.
      expect(edge.logs.filter((line) => !line.startsWith('NOSENTRY'))).toEqual([]);
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
