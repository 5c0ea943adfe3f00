/**
 * How long the longest task of a page is that records 10,000 spans a second for 30 s, in each mode; and what became of each span: it ends
 * with an error unless all of them were delivered or counted as dropped.
 */
import { CLIENT_DROP_REASONS } from '../model/reasons.ts';
import { launchChromium } from '../test/kit/chromium.ts';
import { startCollector } from '../test/kit/collector.ts';
import { longestTask, recordSteadily } from '../test/kit/longest-task.ts';
import { PAGE_KINDS, type PageKind, startPages } from '../test/kit/pages.ts';
import { openPage } from '../test/kit/sdk-page.ts';

const SECONDS = 30;

const collector = await startCollector();
const pages = await startPages();
const browser = await launchChromium();
console.log(
  `Chromium ${browser.version()}; longest task of the main thread, in processor time; 100 spans every 10 ms or so.`,
);
try {
  for (const kind of Object.keys(PAGE_KINDS) as PageKind[]) {
    const { page } = await openPage(browser, pages, { kind, edge: collector.url });
    const parent = { traceId: 'a'.repeat(32), spanId: '00000000000000ff', flags: 1 };
    await longestTask(browser, page, recordSteadily, { parent, seconds: 1 });
    const longest = await longestTask(browser, page, recordSteadily, { parent, seconds: SECONDS });
    // A batch that was not answered is sent again by itself.
    await page.waitForFunction(
      (reasons) => {
        const stats = sdk.stats();
        return stats.accepted + reasons.reduce((sum, reason) => sum + stats[reason], 0) === stats.recorded;
      },
      CLIENT_DROP_REASONS,
      { timeout: 60_000 },
    );
    const { recorded, accepted, retried } = await page.evaluate(() => sdk.stats());
    console.log(
      `  mode ${PAGE_KINDS[kind].padEnd(8)} ${longest.toFixed(1)} ms; of ${recorded} spans ${accepted} delivered, ${recorded - accepted} dropped, ${retried} sent again`,
    );
    await page.close();
  }
} finally {
  await browser.close();
  await pages.close();
  await collector.close();
}
