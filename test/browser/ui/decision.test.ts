import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { openPage } from './open-page.ts';
import { CHECKOUT, sendTrace } from './traces.ts';

let edge: TestEdge;
let browser: Browser;

beforeAll(async () => {
  const TAILRACE_CONFIG = JSON.stringify({ version: 7, probability: 0, quietMs: 500, alarmMs: 100 });
  [edge, browser] = await Promise.all([startEdge({ vars: { TAILRACE_OPEN: '1', TAILRACE_CONFIG } }), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

const state = (page: Page, name: string) => page.locator(`.trace-header .state-badge.${name}`);
const decision = (page: Page) => page.locator('.decision').textContent();
const keepButton = (page: Page) => page.getByRole('button', { name: 'Keep' });

it('says what kept a trace, by which rule, and how long it is stored', async () => {
  const traceId = await sendTrace(edge.url, CHECKOUT);
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`);
  const { page } = opened;
  await state(page, 'kept').waitFor();
  expect(await decision(page)).toBe(
    'kepterror Kept because a span failed. Rule “error”, configuration 7. Stored in class “cold”, the longest. Complete. ',
  );
  expect(await keepButton(page).count()).toBe(0);
});

it('keeps a trace that was dropped', async () => {
  const traceId = await sendTrace(edge.url, CHECKOUT.slice(0, 3));
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`);
  const { page } = opened;
  await state(page, 'dropped').waitFor();
  expect(await decision(page)).toContain('Dropped by chance. Rule “probability”');
  await keepButton(page).click();
  await state(page, 'kept').waitFor();
  expect(await decision(page)).toContain('Kept by hand; it stands for no other trace.');
  expect(await keepButton(page).count()).toBe(0);
  await page.reload();
  await state(page, 'kept').waitFor();
});

it('keeps a trace that is live, and says what it lacks, also in the list', async () => {
  const spans = CHECKOUT.filter(({ id }) => id !== 1 && id !== 3).map((span) => ({ ...span, service: 'lacking' }));
  const traceId = await sendTrace(edge.url, spans);
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`);
  const { page } = opened;
  const lacking = 'root span not ended or not received, 2 parent spans not received.';
  expect(await page.locator('.facts .lacking').textContent()).toBe('Completeness41 %');
  expect(await page.locator('.decision .incomplete').textContent()).toBe(`So far: ${lacking}`);
  await keepButton(page).click();
  await state(page, 'kept').waitFor();
  expect(await page.locator('.decision .incomplete').textContent()).toBe(`Incomplete: ${lacking}`);
  await page.goto(`${edge.url}/?q=service%3Dlacking`);
  expect(await page.locator('.result .incomplete').textContent()).toBe('41 % complete');
});

it('says why a trace cannot be kept any more', async () => {
  const traceId = await sendTrace(edge.url, CHECKOUT.slice(0, 3));
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`);
  const { page } = opened;
  await state(page, 'dropped').waitFor();
  await fetch(`${edge.url}/api/traces/${traceId}`, { method: 'DELETE' });
  await keepButton(page).click();
  expect(await page.getByRole('alert').textContent()).toContain(`nothing is left of trace ${traceId}`);
  expect(await state(page, 'dropped').count()).toBe(1);
});
