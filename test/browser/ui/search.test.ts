import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { openPage } from './open-page.ts';
import { CHECKOUT, sendTrace } from './traces.ts';

/** Traces of the service `crowd`: more than one page of results. */
const CROWD = 63;

let edge: TestEdge;
let browser: Browser;
let checkout: string;

beforeAll(async () => {
  [edge, browser] = await Promise.all([startEdge(), launchChromium()]);
  checkout = await sendTrace(edge.url, CHECKOUT);
  const now = Date.now();
  for (let n = 0; n < CROWD; n++) {
    const root = { id: 1, service: 'crowd', name: `job ${n % 3}`, startMs: 0, durationMs: 5 + n };
    await sendTrace(edge.url, [root], { startMs: now - 60_000 - n * 1_000 });
  }
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

const rows = (page: Page) => page.locator('.result');
const titles = async (page: Page) =>
  (await page.locator('.result .cover').allTextContents()).map((text) => text.trim());

describe('search', () => {
  it('shows the newest trace first, with what it is made of', async () => {
    await using opened = await openPage(browser, edge.url);
    const first = rows(opened.page).first();
    await first.waitFor();
    const text = (await first.textContent())?.replaceAll(/\s+/g, ' ');
    for (const part of ['shop-page', 'click Place order', 'gateway', '400 ms', '5 spans', '1 error']) {
      expect(text).toContain(part);
    }
    expect(await first.locator('.cover').getAttribute('href')).toBe(`/trace/${checkout}`);
  });

  it('narrows by what is chosen, and keeps it in the address', async () => {
    await using opened = await openPage(browser, edge.url);
    const { page } = opened;
    await page.getByLabel('Service').selectOption('crowd');
    await page.getByLabel('Operation').selectOption('job 1');
    await page.waitForFunction(() => document.querySelectorAll('.result').length === 21);
    expect(new Set(await titles(page))).toEqual(new Set(['crowd job 1']));

    await page.getByLabel('Min duration').fill('60ms');
    await page.getByLabel('Min duration').press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.result').length === 3);
    const line = 'service=crowd operation="job 1" duration>=60ms';
    expect(await page.evaluate(() => new URLSearchParams(window.location.search).get('q'))).toBe(line);
    expect(await page.getByLabel('Query').inputValue()).toBe(line);

    await page.reload();
    await rows(page).first().waitFor();
    expect(await rows(page).count()).toBe(3);
    expect(await page.getByLabel('Operation').inputValue()).toBe('job 1');

    await page.goBack();
    await page.waitForFunction(() => document.querySelectorAll('.result').length === 21);
  });

  it('finds what failed', async () => {
    await using opened = await openPage(browser, `${edge.url}/?q=status%3Derror`);
    await rows(opened.page).first().waitFor();
    expect(await titles(opened.page)).toEqual(['shop-page click Place order']);
  });

  it('loads more on demand, each trace once, and draws each as a dot that leads to it', async () => {
    await using opened = await openPage(browser, `${edge.url}/?q=service%3Dcrowd`);
    const { page } = opened;
    await page.getByText(`${CROWD} traces, 50 of them listed`).waitFor();
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.waitForFunction((all) => document.querySelectorAll('.result').length === all, CROWD);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
    const hrefs = await page
      .locator('.result .cover')
      .evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).href));
    expect(new Set(hrefs).size).toBe(CROWD);
    const dots = page.locator('.heat-map .dot');
    expect(await dots.count()).toBe(CROWD);
    const target = await dots.nth(CROWD - 1).getAttribute('href');
    await dots.nth(CROWD - 1).click();
    await page.waitForURL(`**${target}`);
    await page.getByRole('treegrid').waitFor();

    await page.goBack();
    await rows(page).first().waitFor();
    expect(await rows(page).count()).toBe(CROWD);
    await page.getByRole('link', { name: 'Tailrace' }).click();
    await page.getByText('click Place order').first().waitFor();
  });

  it('says that nothing matches, and clears the conditions on demand', async () => {
    await using opened = await openPage(browser, `${edge.url}/?q=service%3Dnobody`);
    const { page } = opened;
    await page.getByText('No trace matches this search').waitFor();
    await page.getByRole('button', { name: 'Clear the conditions' }).click();
    await rows(page).first().waitFor();
  });

  it('underlines what is wrong with the query line, says what would be right, and asks the edge nothing', async () => {
    await using opened = await openPage(browser, edge.url);
    const { page } = opened;
    await rows(page).first().waitFor();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const line = page.getByLabel('Query');
    await line.fill('service=crowd duration>60');
    await line.press('Enter');
    expect(await page.getByRole('alert').textContent()).toContain('at character 24: "60" is not a duration; want');
    expect(await page.locator('.copy-of-line mark').textContent()).toBe('60');
    const [mark, typed] = await Promise.all([page.locator('.copy-of-line mark').boundingBox(), line.boundingBox()]);
    expect(mark!.x).toBeGreaterThan(typed!.x + 150);
    expect(asked).toEqual([]);
    await line.fill('service=crowd duration>60ms');
    await line.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.result').length === 7);
    expect(await page.getByLabel('Min duration').inputValue()).toBe('60ms');
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('finds by attributes, the slowest first, and opens such a search from its address', async () => {
    const query = new URLSearchParams({ q: 'http.response.status_code>=500', order: 'slowest' });
    await using opened = await openPage(browser, `${edge.url}/?${query}`);
    await rows(opened.page).first().waitFor();
    expect(await titles(opened.page)).toEqual(['shop-page click Place order']);
  });

  it('narrows time and duration to what is dragged over on the heat map', async () => {
    await using opened = await openPage(browser, `${edge.url}/?q=service%3Dcrowd`);
    const { page } = opened;
    await page.locator('.heat-map i').first().waitFor();
    const box = (await page.locator('.heat-map .plot').boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.02, box.y + box.height * 0.02);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height * 0.3);
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.5);
    await page.mouse.up();
    await page.waitForURL(/start=\d+&end=\d+/);
    expect(await page.getByLabel('Query').inputValue()).toMatch(/^service=crowd duration>=\d+ms duration<=\d+ms$/);
    await page.goBack();
    await rows(page).first().waitFor();
    expect(await page.getByLabel('Query').inputValue()).toBe('service=crowd');
  });

  it('says what the edge says: a fault in the line, an end before all was searched, a list that is too old', async () => {
    await using opened = await openPage(browser, edge.url);
    const { page } = opened;
    await rows(page).first().waitFor();
    // The page reads lines as the edge does, the edge is in time here, and an hour is long: its answers are put in its mouth.
    const line = page.getByLabel('Query');
    const error = {
      code: 'bad_query',
      message: 'q at character 3: a newer edge would not take this',
      offset: 2,
      length: 5,
    };
    await page.route(/q=a%3Drefused/, (route) => route.fulfill({ status: 400, json: { error } }));
    await line.fill('a=refused');
    await line.press('Enter');
    expect(await page.getByRole('alert').textContent()).toBe(error.message);
    expect(await page.locator('.copy-of-line mark').textContent()).toBe('refus');

    const expired = { code: 'cursor_expired', message: 'cursor has expired: search again' };
    await page.route(/api\/traces\?/, async (route) => {
      if (route.request().url().includes('cursor=')) {
        await route.fulfill({ status: 410, json: { error: expired } });
        return;
      }
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), complete: false, searchedToUs: 250_000 } });
    });
    await line.fill('service=crowd');
    await page.getByLabel(/^Order/).selectOption('slowest');
    await page.getByText('all were looked at down to 250 ms').waitFor();
    await page.getByRole('button', { name: 'Search on' }).click();
    await page.getByText('This list is too old to go on with').waitFor();
    expect(await rows(page).count()).toBe(50);
    await Promise.all([
      page.waitForResponse((response) => response.url().includes('order=slowest') && response.ok()),
      page.getByRole('button', { name: 'Search again' }).click(),
    ]);
    await page.getByRole('button', { name: 'Search on' }).waitFor();
    await page.unrouteAll({ behavior: 'wait' });
  });

  it('says that the edge cannot be reached, and tries again', async () => {
    await using opened = await openPage(browser, edge.url);
    const { page } = opened;
    await rows(page).first().waitFor();
    await page.context().setOffline(true);
    await page.getByLabel('Status').selectOption('error');
    await page.getByText('No connection to the edge').waitFor();
    await page.context().setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await rows(page).first().waitFor();
  });

  it('opens a trace by an id that was pasted with its surroundings, and refuses what is none', async () => {
    await using opened = await openPage(browser, edge.url);
    const { page } = opened;
    const box = page.getByLabel('Open a trace by its id');
    await box.fill('no id');
    await box.press('Enter');
    await page.getByText('A trace id is 32 hex digits').waitFor();
    await box.fill(`00-${checkout}-0000000000000001-01`);
    await box.press('Enter');
    await page.waitForURL(`**/trace/${checkout}`);
    await page.getByRole('treegrid').waitFor();
  });

  it('fits 400 pixels', async () => {
    await using opened = await openPage(browser, edge.url, { viewport: { width: 400, height: 800 } });
    await rows(opened.page).first().waitFor();
    expect(await opened.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
  });
});
