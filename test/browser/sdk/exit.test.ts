/** Records, leaves at once, and looks what arrived: in three engines, in each way a page can end. */
import { describe, expect, it } from 'vitest';
import { startCollector } from '../../kit/collector.ts';
import { chromiumEngine, type Engine, firefoxEngine, webkitEngine } from '../../kit/engines/index.ts';
import { beginLate, EXIT_KINDS, type ExitKind, type ExitResult, modesOf, runExits } from '../../kit/exits.ts';
import { startPages } from '../../kit/pages.ts';

const RUNS = 3;
const SPANS = 200;

const LAUNCHES = [await chromiumEngine(), await firefoxEngine(), await webkitEngine()];
const NAMES = ['Chromium', 'Firefox', 'WebKitGTK'];

/** All exits of one engine. Those that have to wait do it together, each with an edge of its own; a crash leaves nothing to go on with. */
async function runAll(start: () => Promise<Engine>): Promise<Map<ExitKind, ExitResult[]>> {
  const [engine, collector, other, pages] = await Promise.all([
    start(),
    startCollector(),
    startCollector(),
    startPages(),
  ]);
  const options = { engine, collector, pages, spans: SPANS };
  const modes = modesOf(RUNS);
  const results = new Map<ExitKind, ExitResult[]>();
  try {
    for (const kind of ['link', 'close', 'reload', 'back'] as const) {
      results.set(kind, await runExits(options, kind, modes));
    }
    const goOffline = await beginLate(options, 'offline', modes);
    const crash = await beginLate({ ...options, collector: other }, 'crash', modes);
    results.set('offline', await goOffline());
    results.set('crash', await crash());
  } finally {
    await engine.close();
    await Promise.all([collector.close(), other.close(), pages.close()]);
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
