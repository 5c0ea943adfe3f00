import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { openPage } from './open-page.ts';
import { type SentSpan, sendTrace } from './traces.ts';

const SHOP: readonly SentSpan[] = [
  { id: 1, service: 'gateway', name: 'GET /cart', kind: 2, startMs: 0, durationMs: 100 },
  { id: 2, parent: 1, service: 'gateway', name: 'GET', kind: 3, startMs: 10, durationMs: 80 },
  { id: 3, parent: 2, service: 'cart <b>', name: 'GET /items', kind: 2, startMs: 20, durationMs: 60 },
];
const FAILED: readonly SentSpan[] = [
  ...SHOP.slice(0, 2),
  { id: 3, parent: 2, service: 'stock', name: 'GET /stock', kind: 2, startMs: 20, durationMs: 50, error: 'none left' },
];

let edge: TestEdge;
let browser: Browser;
let failed: string;

beforeAll(async () => {
  [edge, browser] = await Promise.all([startEdge(), launchChromium()]);
  for (let n = 0; n < 12; n++) await sendTrace(edge.url, SHOP);
  failed = await sendTrace(edge.url, FAILED);
  // Statistics follow from decisions.
  for (;;) {
    const answer = (await (await fetch(`${edge.url}/api/dependencies`)).json()) as { services: { calls: number }[] };
    if (answer.services.reduce((sum, { calls }) => sum + calls, 0) >= 26) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

/** The cells of the table's row that begins with `name`, when it is there. */
async function cells(page: Page, table: string, name: string): Promise<string[]> {
  const header = page.getByRole('rowheader', { name });
  const row = page.getByRole('table', { name: table }).getByRole('row').filter({ has: header }).first();
  await row.waitFor();
  return row.getByRole('cell').allTextContents();
}

describe('services', () => {
  it('are listed with what every trace counted, and lead to their operations, charts and examples', async () => {
    await using opened = await openPage(browser, `${edge.url}/services`);
    const { page } = opened;
    await page.getByRole('table').waitFor();
    expect(await cells(page, 'Services with rate', 'gateway')).toEqual(expect.arrayContaining(['13', '0 %', '100 %']));
    expect((await cells(page, 'Services with rate', 'stock'))[2]).toBe('100 %');
    await page.getByRole('button', { name: 'Service', exact: true }).click();
    const names = await page.getByRole('rowheader').allTextContents();
    expect(names).toEqual(['cart <b>', 'gateway', 'stock']);

    await page.getByRole('link', { name: 'stock' }).click();
    await page.locator('.line-chart canvas').nth(2).waitFor();
    expect(await page.getByRole('img', { name: /^Errors: failed at most 100 %/ }).count()).toBe(1);
    await page.getByRole('link', { name: 'GET /stock' }).click();
    await page.waitForURL(/operation=GET/);
    expect(await cells(page, 'Services that call stock', 'gateway')).toEqual(expect.arrayContaining(['1', '100 %']));
    await page.getByRole('link', { name: /^Failed trace/ }).click();
    await page.waitForURL(`**/trace/${failed}`);
  });

  it('that were not counted are said to be none', async () => {
    await using opened = await openPage(browser, `${edge.url}/services?start=1000000&end=60000000`);
    await opened.page.getByText('No service was counted in this time').waitFor();
  });

  it('fit 390 pixels', async () => {
    await using opened = await openPage(browser, `${edge.url}/services?service=gateway`, {
      viewport: { width: 390, height: 800 },
    });
    await opened.page.locator('.line-chart canvas').first().waitFor();
    expect(await opened.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });
});

describe('the map', () => {
  it('draws services and calls, and has all of it as a table', async () => {
    await using opened = await openPage(browser, `${edge.url}/map`);
    const { page } = opened;
    const node = (name: string) => page.locator('.map-node').filter({ hasText: name });
    await node('gateway').waitFor();
    const [caller, called] = await Promise.all([node('gateway').boundingBox(), node('cart <b>').boundingBox()]);
    expect(caller!.x + caller!.width).toBeLessThan(called!.x);
    expect(await page.locator('.map-edge').count()).toBe(2);
    // One call is too few to rely on.
    expect(await page.locator('.map-edge.low').count()).toBe(1);
    expect(await cells(page, 'Calls between services', 'gateway')).toEqual(expect.arrayContaining(['cart <b>', '12']));
  });

  it('tells of a call, and who fails with a service, by keyboard alone', async () => {
    await using opened = await openPage(browser, `${edge.url}/map`);
    const { page } = opened;
    await page.getByRole('button', { name: 'Calls from gateway to stock' }).press('Enter');
    const call = page.getByRole('complementary', { name: 'Calls from gateway to stock' });
    expect(await call.textContent()).toMatch(/1 calls?, all counted.*100 %.*low/s);
    await page
      .getByRole('link', { name: /^stock/ })
      .first()
      .press('Enter');
    const about = page.getByRole('complementary', { name: 'About stock' });
    await about.getByText('of its requests fail too').waitFor();
    expect(await about.textContent()).toMatch(/Reach.*7\.7 % of all requests.*gateway.*7\.7 % of its requests/s);
    await page.getByRole('link', { name: 'Traces of gateway and stock' }).click();
    await page.locator('.result').first().waitFor();
    expect(await page.locator('.result .cover').count()).toBe(1);
  });
});
