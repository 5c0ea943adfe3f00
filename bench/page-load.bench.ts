/** What a page load takes on the wire: as it is at an exit, and as the recorder worker sends it. */
import { createHash } from 'node:crypto';
import { launchChromium } from '../test/kit/chromium.ts';
import { startCollector } from '../test/kit/collector.ts';
import { startPages } from '../test/kit/pages.ts';
import { openPage } from '../test/kit/sdk-page.ts';

/** Resources as bundlers name them. */
const FOLDERS = ['assets/products/teapot', 'assets/icons/cart', 'static/css/chunk', 'fonts/inter'];
const resources = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const hash = createHash('sha256').update(`${i}`).digest('hex').slice(0, 8);
    return `/${FOLDERS[i % FOLDERS.length]}-${hash}.webp`;
  });

const [browser, pages] = await Promise.all([launchChromium(), startPages()]);
console.log(
  `Chromium ${browser.version()}; bytes a span of a page load, resource and strings included; wanted 60 as it is.`,
);
try {
  for (const count of [20, 80, 180]) {
    const bytesASpan: string[] = [];
    for (const [kind, form] of [
      ['no-worker', 'as it is'],
      ['plain', 'deflated'],
    ] as const) {
      const collector = await startCollector();
      const init = { instrument: { documentLoad: true } };
      const { page } = await openPage(browser, pages, { kind, edge: collector.url, init }, (page) =>
        page.addInitScript((urls) => {
          addEventListener('DOMContentLoaded', () => {
            for (const url of urls) new Image().src = url;
          });
        }, resources(count)),
      );
      await collector.span(({ name, endUs }) => name === 'documentLoad' && endUs !== null);
      await page.evaluate(() => sdk.flush());
      const bytes = collector.batches.reduce((sum, batch) => sum + batch.bytes, 0);
      const spans = collector.batches.reduce((sum, batch) => sum + batch.spans.length, 0);
      bytesASpan.push(`${(bytes / spans).toFixed(1)} ${form} (${spans} spans)`);
      await page.close();
      await collector.close();
    }
    console.log(`  ${String(count).padStart(3)} resources: ${bytesASpan.join(', ')}`);
  }
} finally {
  await Promise.all([browser.close(), pages.close()]);
}
