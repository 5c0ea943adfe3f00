import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { openPage } from './open-page.ts';

let edge: TestEdge;
let browser: Browser;

beforeAll(async () => {
  const vars = { TAILRACE_INGEST_KEY: 'the-ingest-key', TAILRACE_READ_KEY: 'the-read-key' };
  [edge, browser] = await Promise.all([startEdge({ vars }), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

it('asks for a read key, keeps it out of scripts’ reach, and forgets it on demand', async () => {
  await using opened = await openPage(browser, `${edge.url}/?q=status%3Derror`);
  const { page } = opened;
  await page.getByLabel('Read key').fill('the-ingest-key');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('this is not a read key').waitFor();

  await page.getByLabel('Read key').fill('the-read-key');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('No trace matches this search').waitFor();
  expect(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage }))).not.toContain(
    'the-read-key',
  );

  await page.reload();
  await page.getByText('No trace matches this search').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Read key').waitFor();
});

it('asks for the key before it shows a trace, then shows it', async () => {
  await using opened = await openPage(browser, `${edge.url}/trace/${'b'.repeat(32)}`);
  const { page } = opened;
  await page.getByLabel('Read key').fill('the-read-key');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('This trace is not here').waitFor();
});
