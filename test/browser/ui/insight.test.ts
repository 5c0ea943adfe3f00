import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { openPage } from './open-page.ts';
import { type SentSpan, sendTrace } from './traces.ts';

/** A server whose clock is a minute ahead, a parent that does not come, and two spans that are each other's parent. */
const STRANGE: readonly SentSpan[] = [
  { id: 1, service: 'shop', name: 'GET /cart', kind: 2, startMs: 0, durationMs: 480, error: 'stock failed' },
  { id: 2, parent: 1, service: 'shop', name: 'ask stock', kind: 3, startMs: 20, durationMs: 400, error: '502' },
  {
    id: 3,
    parent: 2,
    service: 'stock',
    name: 'GET /stock',
    kind: 2,
    startMs: 60_050,
    durationMs: 300,
    error: 'no rows',
  },
  { id: 5, parent: 4, service: 'shop', name: 'left alone', startMs: 100, durationMs: 50 },
  { id: 6, parent: 7, service: 'loop', name: 'ping', startMs: 10, durationMs: 50 },
  { id: 7, parent: 6, service: 'loop', name: 'pong', startMs: 15, durationMs: 40 },
];
const QUICK: readonly SentSpan[] = [
  { id: 1, service: 'shop', name: 'GET /cart', kind: 2, startMs: 0, durationMs: 90 },
  { id: 2, parent: 1, service: 'shop', name: 'ask stock', kind: 3, startMs: 10, durationMs: 60 },
  { id: 9, parent: 1, service: 'shop', name: 'from cache', startMs: 75, durationMs: 10 },
];

let edge: TestEdge;
let browser: Browser;
let strange: string;
let quick: string;

beforeAll(async () => {
  [edge, browser] = await Promise.all([startEdge(), launchChromium()]);
  strange = await sendTrace(edge.url, STRANGE);
  quick = await sendTrace(edge.url, QUICK);
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

async function openStrange() {
  const opened = await openPage(browser, `${edge.url}/trace/${strange}`);
  await opened.page.getByRole('treegrid').waitFor();
  return opened;
}

describe('a trace', () => {
  it('is drawn on one clock, and says which was moved and what was recorded', async () => {
    await using opened = await openStrange();
    const { page } = opened;
    expect(await page.locator('.insights').textContent()).toMatch(/Clocks moved.*stock.*−1 m 00 s ± .*confidence/s);
    const place = (name: string) =>
      page
        .getByRole('row', { name })
        .locator('.bar')
        .evaluate((bar) => {
          const { left, right } = bar.getBoundingClientRect();
          return { left, right };
        });
    const [client, server] = [await place('ask stock'), await place('GET /stock')];
    expect(server.left).toBeGreaterThanOrEqual(client.left);
    expect(server.right).toBeLessThanOrEqual(client.right);
    await page.getByRole('row', { name: 'GET /stock' }).click();
    const details = page.getByRole('complementary', { name: 'Span details' });
    expect(await details.textContent()).toMatch(/Clock.*moved by −1 m 00 s.*recorded at/s);
  });

  it('marks what it waited for, and leaves the mark out on demand', async () => {
    await using opened = await openStrange();
    const { page } = opened;
    expect(await page.locator('.row .critical').count()).toBeGreaterThan(2);
    expect(await page.getByRole('row', { name: 'GET /stock' }).ariaSnapshot()).toMatch(/waited for during \d+ ms/);
    await page.getByRole('button', { name: 'Critical path' }).click();
    expect(await page.locator('.row .critical').count()).toBe(0);
  });

  it('stands synthetic spans in for missing ones, marks circles, and leads to where it failed first', async () => {
    await using opened = await openStrange();
    const { page } = opened;
    const missing = page.getByRole('row', { name: 'missing span' });
    expect(await missing.textContent()).toContain('not received');
    expect(await missing.locator('.bar').evaluate((bar) => getComputedStyle(bar).borderStyle)).toBe('dashed');
    expect(await page.getByRole('row', { name: 'left alone' }).getAttribute('aria-level')).toBe('3');
    expect(await page.getByRole('row', { name: /ping/ }).textContent()).toContain('cycle');
    expect(await page.locator('.trace-header .facts').textContent()).toContain('Spans6');
    await page.locator('.insights .failed button').first().click();
    await page.getByRole('complementary').getByRole('heading', { name: 'GET /stock' }).waitFor();
  });

  it.each([
    ['OTLP JSON', 'otlp-json', 'otlp.json'],
    ['OTLP protobuf', 'otlp', 'otlp'],
    ['Jaeger JSON', 'jaeger', 'jaeger.json'],
  ])('downloads as %s', async (name, format, ending) => {
    await using opened = await openStrange();
    const { page } = opened;
    await page.locator('summary', { hasText: 'Download' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name, exact: true }).click(),
    ]);
    const response = await fetch(`${edge.url}/api/traces/${strange}?format=${format}`);
    const expected = Buffer.from(await response.arrayBuffer());
    expect(expected.length).toBeGreaterThan(500);
    expect((await readFile(await download.path())).equals(expected)).toBe(true);
    expect(download.suggestedFilename()).toBe(`trace-${strange}.${ending}`);
    expect(await page.locator('.menu[open]').count()).toBe(0);
  });
});

describe('compare', () => {
  it('shows two traces side by side: what is slower, faster, missing and added', async () => {
    await using opened = await openStrange();
    const { page } = opened;
    await page.locator('summary', { hasText: 'Compare' }).click();
    const other = page.getByLabel('Another trace’s id');
    await other.fill(strange);
    await other.press('Enter');
    await page.getByText('That is this trace itself.').waitFor();
    await other.fill(quick);
    await other.press('Enter');
    await page.waitForURL(`**/compare?a=${strange}&b=${quick}`);
    const row = (name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
    await row('GET /cart').waitFor();
    expect(await row('GET /cart').getByRole('cell').allTextContents()).toEqual([
      'failed, 480 ms',
      '90 ms',
      '−390 ms',
      'status error → unset',
    ]);
    expect(await row('from cache').textContent()).toMatch(/not there.*10 ms.*added in B/);
    expect(await row('GET /stock').textContent()).toMatch(/not there.*missing in B/);
    await page.getByRole('button', { name: /^Only in A/ }).click();
    expect(await row('GET /stock').count()).toBe(0);
    await page.getByRole('link', { name: 'Swap A and B' }).click();
    await row('GET /stock').waitFor();
    expect(await row('GET /stock').textContent()).toContain('added in B');
  });

  it('finds a typical trace, and says why it is one', async () => {
    await using opened = await openPage(browser, `${edge.url}/compare?a=${strange}&b=typical`);
    const { page } = opened;
    await page.getByText(/^Typical of shop GET \/cart: its median is/).waitFor();
    expect(await page.getByRole('region', { name: 'Trace B' }).textContent()).toContain(quick);
  });

  it('says so when there is no such trace', async () => {
    await using opened = await openPage(browser, `${edge.url}/compare?a=${'c'.repeat(32)}&b=${quick}`);
    await opened.page.getByRole('alert').waitFor();
    expect(await opened.page.getByRole('alert').textContent()).toContain(`there is no trace ${'c'.repeat(32)}`);
  });
});
