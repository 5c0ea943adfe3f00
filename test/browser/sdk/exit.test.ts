/** Records, leaves at once, and looks what arrived: in three engines, in each way a page can end. */
import { describe, expect, it } from 'vitest';
import { startCollector } from '../../kit/collector.ts';
import { chromiumEngine, type Engine, firefoxEngine, webkitEngine } from '../../kit/engines/index.ts';
import { EXIT_KINDS, type ExitKind, type ExitResult, modesOf, runExits } from '../../kit/exits.ts';
import { startPages } from '../../kit/pages.ts';

const RUNS = 3;
const SPANS = 200;

const LAUNCHES = [await chromiumEngine(), await firefoxEngine(), await webkitEngine()];
const NAMES = ['Chromium', 'Firefox', 'WebKitGTK'];

/** All exits of one engine. */
async function runAll(start: () => Promise<Engine>): Promise<Map<ExitKind, ExitResult[]>> {
  const [engine, collector, pages] = await Promise.all([start(), startCollector(), startPages()]);
  const results = new Map<ExitKind, ExitResult[]>();
  try {
    for (const kind of EXIT_KINDS) {
      results.set(kind, await runExits({ engine, collector, pages, spans: SPANS }, kind, modesOf(RUNS)));
    }
  } finally {
    await engine.close();
    await Promise.all([collector.close(), pages.close()]);
  }
  return results;
}

// They run at the same time, because they wait more than they do.
const running = LAUNCHES.map((launch) => ('start' in launch ? runAll(launch.start) : null));
for (const run of running) run?.catch(() => undefined);

describe.each(LAUNCHES.map((launch, i) => [NAMES[i]!, launch, running[i]!] as const))('%s', (_, launch, run) => {
  if ('missing' in launch) {
    it.skip(`is not here: ${launch.missing}`);
    return;
  }
  it.each(EXIT_KINDS)(`delivers all of ${SPANS} spans: %s`, async (kind) => {
    const results = (await run).get(kind)!;
    expect(results.map(({ arrived }) => arrived)).toEqual(Array.from({ length: RUNS }, () => SPANS));
    if (kind === 'crash') expect(results.every(({ isOpenThere }) => isOpenThere)).toBe(true);
  });
});
