import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { spanId } from '../../kit/spans.ts';
import { openPage } from './open-page.ts';
import { CHECKOUT, sendTrace } from './traces.ts';

let edge: TestEdge;
let browser: Browser;
let checkout: string;

beforeAll(async () => {
  [edge, browser] = await Promise.all([startEdge(), launchChromium()]);
  checkout = await sendTrace(edge.url, CHECKOUT);
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

async function openTrace(traceId: string, search = '', viewport = { width: 1280, height: 800 }) {
  const opened = await openPage(browser, `${edge.url}/trace/${traceId}${search}`, { viewport });
  await opened.page.getByRole('treegrid').waitFor();
  return opened;
}

const grid = (page: Page) => page.getByRole('treegrid');
const spanRows = (page: Page) => page.locator('.row');
/** The name of the row that assistive technology is told to be on. */
const activeName = (page: Page) =>
  page.evaluate(() => {
    const id = document.querySelector('[role=treegrid]')!.getAttribute('aria-activedescendant')!;
    return document.getElementById(id)!.querySelector('.operation')!.textContent;
  });
/** Resolves when the address has this query string. */
const addressQuery = (page: Page, wanted: string) =>
  page.waitForFunction((query) => window.location.search === query, wanted);
const ticks = (page: Page) => page.locator('.axis .tick').allTextContents();

describe('waterfall', () => {
  it('shows the tree, where each span starts and how long it takes, as text too', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    const shown = await spanRows(page).evaluateAll((rows) =>
      rows.map((row) => `${row.getAttribute('aria-level')} ${row.querySelector('.operation')!.textContent}`),
    );
    expect(shown).toEqual([
      '1 click Place order',
      '2 fetch POST /checkout',
      '3 POST /checkout',
      '4 reserve <img src=x onerror=alert(1)>',
      '4 cache lookup',
    ]);
    const failed = page.getByRole('row', { name: /reserve/ });
    expect(await failed.ariaSnapshot()).toMatch(/error: .*starts at 60 ms, takes 120 ms, 1 events/s);
    expect(await grid(page).getAttribute('aria-rowcount')).toBe('6');
  });

  it('draws bars where the times say', async () => {
    await using opened = await openTrace(checkout);
    const boxes = await opened.page.locator('.row .bar').evaluateAll((bars) =>
      bars.map((bar) => {
        const cell = bar.parentElement!.getBoundingClientRect();
        const { left, width } = bar.getBoundingClientRect();
        return [(left - cell.left) / cell.width, width / cell.width];
      }),
    );
    const expected = CHECKOUT.map((span) => [span.startMs / 400, span.durationMs! / 400]);
    for (const [row, [left, width]] of boxes.entries()) {
      expect(left).toBeCloseTo(expected[row]![0]!, 2);
      expect(width).toBeCloseTo(expected[row]![1]!, 2);
    }
  });

  it('fits 400 pixels, details included', async () => {
    await using opened = await openTrace(checkout, '', { width: 400, height: 800 });
    const { page } = opened;
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Span details' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
  });
});

describe('keyboard', () => {
  it('moves, folds and unfolds as a tree does', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await activeName(page)).toBe('POST /checkout');
    await page.keyboard.press('ArrowLeft');
    expect(await spanRows(page).count()).toBe(3);
    expect(await page.getByRole('row', { name: 'POST /checkout gateway' }).getAttribute('aria-expanded')).toBe('false');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await activeName(page)).toContain('reserve');
    await page.keyboard.press('ArrowLeft');
    expect(await activeName(page)).toBe('POST /checkout');
    await page.keyboard.press('End');
    expect(await activeName(page)).toBe('cache lookup');
    await page.keyboard.press('Home');
    expect(await activeName(page)).toBe('click Place order');
  });

  it('opens and closes details, and the address names the span', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    const details = page.getByRole('complementary', { name: 'Span details' });
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await details.getByText('out of stock: <b>teapot</b>').waitFor();
    await details.getByText('StockError').waitFor();
    await addressQuery(page, `?span=${spanId(4)}`);
    await page.keyboard.press('ArrowDown');
    await details.getByText('a'.repeat(32)).waitFor();
    await page.keyboard.press('Escape');
    expect(await details.count()).toBe(0);
    await addressQuery(page, '');
  });

  it('zooms, and shows the whole trace again', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    const whole = await ticks(page);
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    expect(await ticks(page)).not.toEqual(whole);
    await page.keyboard.press('0');
    expect(await ticks(page)).toEqual(whole);
    await page.keyboard.press('End');
    await page.keyboard.press('z');
    expect(await page.locator('.toolbar .range').textContent()).toBe('199 ms – 221 ms');
  });

  it('finds with / and goes from match to match', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    await page.keyboard.press('/');
    await page.keyboard.type('service.name=orders');
    expect(await page.locator('.row.found').count()).toBe(2);
    await page.keyboard.press('Enter');
    expect(await activeName(page)).toContain('reserve');
    await page.keyboard.press('Enter');
    expect(await activeName(page)).toBe('cache lookup');
    await page.keyboard.press('Escape');
    expect(await page.locator('.row.found').count()).toBe(0);
  });

  it('lists its keys with ?', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    await page.keyboard.press('?');
    const dialog = page.getByRole('dialog', { name: 'Keyboard' });
    await dialog.getByText('Unfold, then first child').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });
});

describe('pointer', () => {
  async function drag(page: Page, selector: string, from: number, to: number) {
    const box = (await page.locator(selector).first().boundingBox())!;
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width * from, y);
    await page.mouse.down();
    await page.mouse.move(box.x + (box.width * (from + to)) / 2, y);
    await page.mouse.move(box.x + box.width * to, y);
    await page.mouse.up();
  }

  it('zooms to what is dragged over on the timeline, and chooses no row by it', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    await drag(page, '.row .time-cell', 0.25, 0.5);
    expect(await page.locator('.toolbar .range').textContent()).toBe('100 ms – 200 ms');
    expect(await page.getByRole('complementary').count()).toBe(0);
    await page.getByRole('button', { name: 'Whole trace' }).click();
    expect(await page.locator('.toolbar .range').count()).toBe(0);
  });

  it('zooms on the overview, and moves what is shown', async () => {
    await using opened = await openTrace(checkout);
    const { page } = opened;
    await drag(page, '.minimap', 0.5, 0.75);
    expect(await page.locator('.toolbar .range').textContent()).toBe('200 ms – 300 ms');
    await drag(page, '.minimap', 0.6, 0.35);
    expect(await page.locator('.toolbar .range').textContent()).toBe('100 ms – 200 ms');
  });

  it('draws every span in the overview', async () => {
    await using opened = await openTrace(checkout);
    const colours = await opened.page.locator('.minimap canvas').evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set<number>();
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255) seen.add((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!);
      }
      return seen.size;
    });
    // Three services and the errors' red.
    expect(colours).toBeGreaterThanOrEqual(4);
  });
});

describe('a trace', () => {
  it('that is live is followed until it is decided', async () => {
    const traceId = await sendTrace(edge.url, CHECKOUT.slice(1));
    await using opened = await openTrace(traceId);
    const { page } = opened;
    expect(await page.locator('.trace-header .state-badge.live').count()).toBe(1);
    await page.getByText('root span not received').waitFor();
    await sendTrace(edge.url, CHECKOUT.slice(0, 1), { traceId });
    await page.locator('.trace-header .state-badge.kept').waitFor();
    expect(await spanRows(page).count()).toBe(5);
    expect(await page.locator('.decision').textContent()).toMatch(/Kept because a span failed.*Complete/);
  });

  it('shows spans without an end apart from the others', async () => {
    const traceId = await sendTrace(edge.url, [
      { id: 1, service: 'shop-page', name: 'page load', startMs: 0, durationMs: 100 },
      { id: 2, parent: 1, service: 'shop-page', name: 'never ends', startMs: 20 },
    ]);
    await using opened = await openTrace(traceId);
    const { page } = opened;
    const row = page.getByRole('row', { name: /never ends/ });
    expect(await row.ariaSnapshot()).toContain('open, without an end');
    expect(await row.locator('.bar').evaluate((bar) => getComputedStyle(bar).maskImage)).toContain('gradient');
  });

  it('that is unknown says so, and comes when it has arrived', async () => {
    const traceId = 'c'.repeat(32);
    await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`);
    const { page } = opened;
    await page.getByText('This trace is not here').waitFor();
    await sendTrace(edge.url, CHECKOUT, { traceId });
    await page.getByRole('button', { name: 'Try again' }).click();
    await grid(page).waitFor();
  });

  it('with an id that is none says what an id is', async () => {
    await using opened = await openPage(browser, `${edge.url}/trace/nonsense`);
    await opened.page.getByText('a trace id is 32 hex digits').waitFor();
  });

  it('is opened at the span that the address names', async () => {
    await using opened = await openTrace(checkout, `?span=${spanId(3)}`);
    expect(await activeName(opened.page)).toBe('POST /checkout');
    await opened.page.getByRole('complementary').getByText('http.request.method').waitFor();
  });
});
