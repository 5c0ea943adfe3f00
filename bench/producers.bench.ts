/** 16 workers of a page that record 25,000 spans each, in three engines: what arrived, what was dropped, whether in order, and how long it took. */
import { startCollector } from '../test/kit/collector.ts';
import { chromiumEngine, firefoxEngine, type Launch, webkitEngine } from '../test/kit/engines/index.ts';
import { startPages } from '../test/kit/pages.ts';
import { produce } from '../test/kit/producing.ts';
import { whole } from './measure.ts';

const WORKERS = 16;
const SPANS = 25_000;

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
const isInOrder = (numbers: readonly number[]) => numbers.every((one, i) => i === 0 || numbers[i - 1]! < one);

console.log(`${WORKERS} workers of ${whole(SPANS)} spans each. Waiting: each awaits ready() before each span.`);
for (const [title, launch] of Object.entries<Launch>({
  Chromium: await chromiumEngine(),
  Firefox: await firefoxEngine(),
  WebKitGTK: await webkitEngine(),
})) {
  if ('missing' in launch) {
    console.log(`${title}: not measured, ${launch.missing}`);
    continue;
  }
  const [engine, collector, pages] = await Promise.all([launch.start(), startCollector(), startPages()]);
  console.log(engine.name);
  for (const kind of ['isolated', 'plain'] as const) {
    for (const isCareful of [true, false]) {
      const tab = await engine.open();
      const started = performance.now();
      const all = await produce({ tab, collector, pages, kind, workers: WORKERS, spans: SPANS, isCareful });
      const seconds = (performance.now() - started) / 1000;
      const arrived = sum(all.map((one) => one.arrived.length));
      const dropped = sum(all.map(({ stats }) => stats.ring_full));
      const isRight = all.every((one) => isInOrder(one.arrived) && one.arrived.length + one.stats.ring_full === SPANS);
      if (!isRight || (isCareful && dropped > 0)) process.exitCode = 1;
      console.log(
        `  mode ${all[0]!.stats.mode.padEnd(6)} ${(isCareful ? 'waiting' : 'not waiting').padEnd(11)} ${whole(arrived)} arrived, ${whole(dropped)} dropped, ${isRight ? 'each worker’s in order, none missing' : 'NOT in order, or some missing'}; ${seconds.toFixed(1)} s`,
      );
      await tab.close();
    }
  }
  await engine.close();
  await Promise.all([collector.close(), pages.close()]);
}
