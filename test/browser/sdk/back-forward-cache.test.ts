/** Pages that are left and come back from the back-forward cache, in three engines and three modes: as they were, with everything in them. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stats } from '../../../client/api/tailrace.ts';
import { formatHex } from '../../../model/ids.ts';
import { type Collector, type ReceivedBatch, startCollector } from '../../kit/collector.ts';
import { chromiumEngine, type Engine, firefoxEngine, webkitEngine } from '../../kit/engines/index.ts';
import { copies, GO_BACK, isBack, once, recordSteps, startRoot, startSdk } from '../../kit/leaving.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';

const LAUNCHES = {
  Chromium: await chromiumEngine(),
  Firefox: await firefoxEngine(),
  WebKitGTK: await webkitEngine(),
};

let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [collector, pages] = await Promise.all([startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([collector?.close(), pages?.close()]);
});

describe.each(Object.entries(LAUNCHES))('%s', (_, launch) => {
  if ('missing' in launch) {
    it.skip(`is not here: ${launch.missing}`);
    return;
  }
  let engine: Engine;
  beforeAll(async () => {
    engine = await launch.start();
  });
  afterAll(() => engine?.close());

  // By chance a batch is on its way when the page is frozen, and goes once more: the edge merges copies.
  const byChance = { retry: 2 };
  it.each(Object.keys(PAGE_KINDS) as PageKind[])(
    'a page that is %s goes on, and nothing comes twice',
    byChance,
    async (kind) => {
      const tab = await engine.open();
      await tab.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
      const mode = await tab.evaluate(`
      addEventListener('pageshow', ({ persisted }) => {
        if (!persisted) return;
        ${recordSteps(300)}
        root.end();
      });
      ${startSdk(collector.url)}
      return sdk.mode;`);
      for (let visit = 0; visit < 2; visit++) {
        const traceId = randomBytes(16).toString('hex');
        // To a page of the same kind: WebKit does not come back to another's process.
        await tab.evaluate(`
        ${startRoot(traceId)}
        setTimeout(() => {
          ${recordSteps(200)}
          location.assign(${JSON.stringify(pages.url(kind, GO_BACK))});
        });`);
        await collector.ended(traceId, 501);
        await isBack(tab);
        expect(copies(collector, traceId)).toEqual(once(501));
        // The first of its batches were its last words.
        const isOf = ({ spans }: ReceivedBatch) => spans.some((span) => formatHex(span.traceId) === traceId);
        const [first] = collector.batches.filter(isOf);
        expect(first!.spans.length).toBe(201);
      }
      await tab.evaluate('await sdk.flush();');
      const { recorded, sent, accepted, ...others } = (await tab.evaluate<Stats>('return sdk.stats()'))!;
      // Of the root an open version too, each time.
      expect({ recorded, sent, accepted }).toEqual({ recorded: 1003, sent: 1005, accepted: 1005 });
      expect(Object.values(others).filter(Boolean)).toEqual([]);
      expect(await tab.evaluate('return sdk.mode')).toBe(mode);
      await tab.close();
    },
  );
});
