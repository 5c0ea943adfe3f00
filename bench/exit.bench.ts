/**
 * What arrives of a page's last spans, by engine and by how the page ends: EXIT_RUNS pages of each (200), in the three modes in turn,
 * with 1,000 spans each.
 */
import { startCollector } from '../test/kit/collector.ts';
import { chromiumEngine, type Engine, firefoxEngine, type Launch, webkitEngine } from '../test/kit/engines/index.ts';
import { EXIT_KINDS, type ExitKind, type ExitResult, modesOf, runExits, SAFE_MS } from '../test/kit/exits.ts';
import { startPages } from '../test/kit/pages.ts';
import { whole } from './measure.ts';

const RUNS = Number(process.env.EXIT_RUNS ?? 200);
const SPANS = 1_000;
/** Pages that are opened together, where they have to wait, and pages of a browser before the next is started. */
const TOGETHER = 10;

async function measure(start: () => Promise<Engine>, kind: ExitKind): Promise<{ name: string; results: ExitResult[] }> {
  const results: ExitResult[] = [];
  let name = '';
  for (let first = 0; first < RUNS; first += TOGETHER) {
    const [engine, collector, pages] = await Promise.all([start(), startCollector(), startPages()]);
    name = engine.name;
    const modes = modesOf(Math.min(RUNS, first + TOGETHER)).slice(first);
    results.push(...(await runExits({ engine, collector, pages, spans: SPANS }, kind, modes)));
    await engine.close();
    await Promise.all([collector.close(), pages.close()]);
  }
  return { name, results };
}

function line(kind: ExitKind, results: readonly ExitResult[]): string {
  const sum = (what: (result: ExitResult) => number) => results.reduce((total, result) => total + what(result), 0);
  const [ended, arrived] = [sum((result) => result.ended), sum((result) => result.arrived)];
  const share = `${((arrived / ended) * 100).toFixed(arrived === ended ? 0 : 3)} %`;
  const complete = results.filter((result) => result.arrived === result.ended).length;
  const open = kind === 'crash' ? `, open span there ${sum((result) => Number(result.isOpenThere))}` : '';
  return `  ${kind.padEnd(10)}${whole(ended).padStart(9)} ended${share.padStart(11)} arrived, ${complete} of ${results.length} pages complete${open}`;
}

console.log(
  `${RUNS} pages of each kind, in modes shared, copied and page in turn; ${SPANS} spans of a root a page, with two attributes.`,
);
console.log(`offline, crash: spans that ended ${SAFE_MS / 1000} s before; after offline the page is visited again.`);
for (const [title, launch] of Object.entries<Launch>({
  Chromium: await chromiumEngine(),
  Firefox: await firefoxEngine(),
  WebKitGTK: await webkitEngine(),
})) {
  if ('missing' in launch) {
    console.log(`${title}: not measured, ${launch.missing}`);
    continue;
  }
  for (const [i, kind] of EXIT_KINDS.entries()) {
    const { name, results } = await measure(launch.start, kind);
    if (i === 0) console.log(name);
    console.log(line(kind, results));
  }
}
