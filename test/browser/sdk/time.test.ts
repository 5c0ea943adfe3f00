/** A page's wall clock goes on without its performance clock, as it does while the machine sleeps. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
import { openPage } from '../../kit/sdk-page.ts';

const HOUR_MS = 3_600_000;

let browser: Browser;
let collector: Collector;
let pages: Pages;

beforeAll(async () => {
  [browser, collector, pages] = await Promise.all([launchChromium(), startCollector(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), collector?.close(), pages?.close()]);
});

it('has what begins after a sleep at the time it began, and what slept as long as it ran', async () => {
  const { page } = await openPage(browser, pages, { kind: 'plain', edge: collector.url });
  const { earlyMs, lateMs, endMs } = await page.evaluate(async (hourMs) => {
    const { now } = Date;
    const earlyMs = Date.now();
    const long = sdk.tracer.startSpan('long', { parent: null });
    Date.now = () => now() + hourMs;
    const lateMs = Date.now();
    const late = sdk.tracer.startSpan('late', { parent: null });
    await new Promise((resolve) => setTimeout(resolve, 20));
    sdk.tracer.startSpan('child', { parent: long }).end();
    late.end();
    long.end();
    return { earlyMs, lateMs, endMs: Date.now() };
  }, HOUR_MS);
  const [long, late, child] = await Promise.all(
    ['long', 'late', 'child'].map((name) => collector.span((span) => span.name === name && span.endUs !== null)),
  );
  const durationMs = ({ startUs, endUs }: { startUs: number; endUs: number | null }) => (endUs! - startUs) / 1_000;
  const ranMs = endMs - lateMs;
  for (const span of [long!, late!]) {
    expect(durationMs(span)).toBeGreaterThanOrEqual(19);
    expect(durationMs(span)).toBeLessThanOrEqual(ranMs + 10);
  }
  expect(Math.abs(long!.startUs / 1_000 - earlyMs)).toBeLessThanOrEqual(50);
  expect(Math.abs(late!.startUs / 1_000 - lateMs)).toBeLessThanOrEqual(50);
  expect(child!.startUs).toBeGreaterThanOrEqual(long!.startUs);
  expect(child!.endUs).toBeLessThanOrEqual(long!.endUs!);
  await page.close();
});
