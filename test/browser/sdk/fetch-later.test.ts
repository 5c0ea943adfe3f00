/** Pages whose other scripts have used up what beacons may have in flight: where there is `fetchLater`, it takes the rest. Only Chromium has it. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stats } from '../../../client/api/tailrace.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { chromiumEngine, type Engine, type Tab } from '../../kit/engines/index.ts';
import { copies, GO_BACK, isBack, once, recordSteps, startRoot, startSdk } from '../../kit/leaving.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';

let engine: Engine;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  const launch = await chromiumEngine();
  if ('missing' in launch) throw new Error(launch.missing);
  [engine, collector, pages] = await Promise.all([launch.start(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([engine?.close(), collector?.close(), pages?.close()]);
});

/** Opens a page that records 500 spans and leaves for another, when no beacon has room for them. */
async function leave(kind: PageKind, traceId: string, next: string, script = ''): Promise<Tab> {
  const tab = await engine.open();
  await tab.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
  await tab.evaluate(`
    ${script}
    addEventListener('pagehide', () => {
      globalThis.beacons = [63 * 1024, 2048].map((bytes) => navigator.sendBeacon('/plain', 'x'.repeat(bytes)));
    }, true);
    addEventListener('pageshow', ({ persisted }) => persisted && root.end());
    ${startSdk(collector.url)}
    ${startRoot(traceId)}
    ${recordSteps(500)}`);
  await tab.goto(pages.url(kind, next));
  return tab;
}

describe.each(Object.keys(PAGE_KINDS) as PageKind[])('on a page that is %s', (kind) => {
  it('takes each span once, and none again when the page comes back', async () => {
    const traceId = randomBytes(16).toString('hex');
    const tab = await leave(kind, traceId, GO_BACK);
    await collector.ended(traceId, 501);
    await isBack(tab);
    const stats = await tab.evaluate<Stats>('await sdk.flush(); return sdk.stats();');
    expect(await tab.evaluate('return beacons')).toEqual([true, false]);
    expect(copies(collector, traceId)).toEqual(once(501));
    // Of the root an open version too.
    expect(stats).toMatchObject({ recorded: 502, sent: 503, accepted: 503, saved: 0, exit_budget: 0 });
    await tab.close();
  });

  it('is not needed: what would go by it is stored, and sent once on the next visit', async () => {
    const traceId = randomBytes(16).toString('hex');
    const tab = await leave(kind, traceId, '', 'delete globalThis.fetchLater;');
    expect(copies(collector, traceId)).toEqual([]);
    await tab.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
    await tab.evaluate(startSdk(collector.url));
    await collector.ended(traceId, 500);
    await tab.evaluate('await sdk.flush();');
    expect(copies(collector, traceId)).toEqual(once(500));
    await tab.close();
  });
});
