/** A page whose own frames suffer records less detail, counted, until it is calm again. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { type PageKind, type Pages, startPages } from '../../kit/pages.ts';
import { openPage } from '../../kit/sdk-page.ts';

let browser: Browser;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

it.each(['isolated', 'plain', 'no-worker'] as PageKind[])('on a page that is %s', async (kind) => {
  const { page, errors } = await openPage(browser, pages, { kind, edge: collector.url });
  /** A root, a span that fails in it, and an ordinary one. Which were recorded. */
  const visit = (name: string) =>
    page.evaluate((name) => {
      const root = sdk.tracer.startSpan(`${name} root`, { parent: null });
      const spans = [sdk.tracer.startSpan(`${name} ordinary`, { parent: root }), root];
      for (const span of spans) span.end();
      const failing = sdk.tracer.startSpan(`${name} failing`, { parent: null });
      const failed = sdk.tracer.startSpan(`${name} failed`, { parent: failing }).setStatus('error');
      for (const span of [failed, failing]) span.end();
      return [...spans, failed, failing].filter(({ isDropped }) => !isDropped).map((span) => span.name);
    }, name);
  const all = (name: string) => ['ordinary', 'root', 'failed', 'failing'].map((part) => `${name} ${part}`);
  expect(await visit('calm')).toEqual(all('calm'));
  // The recorder has to be there to watch.
  await page.evaluate(() => sdk.flush());
  await page.evaluate(async () => {
    for (let i = 0; i < 10; i++) {
      const end = performance.now() + 150;
      while (performance.now() < end);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  expect(await visit('busy')).toEqual(all('busy').slice(1));
  expect(await page.evaluate(() => sdk.stats().not_sampled)).toBe(1);
  await page.evaluate(() => sdk.flush());
  for (const name of all('busy').slice(1)) await collector.span((span) => span.name === name && span.endUs !== null);
  let round = 0;
  await expect.poll(async () => (await visit(`again ${++round}`)).length, { timeout: 15_000, interval: 250 }).toBe(4);
  expect(errors).toEqual([]);
  await page.close();
});
