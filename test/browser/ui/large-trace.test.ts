import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { pickSeed, seededRandom } from '../../kit/random.ts';
import { openPage } from './open-page.ts';
import { type SentSpan, sendTrace } from './traces.ts';

const SPANS = 5_000;
const VIEWPORT = { width: 1280, height: 800 };
/** Rows on a screen of that height, and as many again beyond its edges. */
const MAX_DRAWN_ROWS = 80;
const FRAMES = 120;

let edge: TestEdge;
let browser: Browser;

beforeAll(async () => {
  [edge, browser] = await Promise.all([startEdge(), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

/** A tree of any shape: each span's parent is one of those before it. */
function manySpans(): SentSpan[] {
  const random = seededRandom(pickSeed(process.env.SEED));
  const spans: SentSpan[] = [{ id: 1, service: 'page', name: 'load', startMs: 0, durationMs: 10_000 }];
  for (let id = 2; id <= SPANS; id++) {
    const parent = spans[Math.floor(random() * spans.length)]!;
    const startMs = parent.startMs + random() * parent.durationMs! * 0.5;
    spans.push({
      id,
      parent: parent.id,
      service: `service-${Math.floor(random() * 8)}`,
      name: `operation ${id % 40}`,
      startMs,
      durationMs: (parent.startMs + parent.durationMs! - startMs) * random(),
      attributes: { 'test.id': id },
    });
  }
  return spans;
}

it('shows 5,000 spans with few rows in the document, and scrolls without a blank or a late frame', async () => {
  const spans = manySpans();
  const traceId = await sendTrace(edge.url, spans);
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`, { viewport: VIEWPORT });
  const { page } = opened;
  await page.locator('.row').first().waitFor();
  expect(await page.getByRole('treegrid').getAttribute('aria-rowcount')).toBe(String(SPANS + 1));

  const measured = await page.locator('.scroller').evaluate(async (scroller, frames) => {
    const nextFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
    const step = (scroller.scrollHeight - scroller.clientHeight) / frames;
    const times: number[] = [];
    let mostRows = 0;
    let blanks = 0;
    let before = await nextFrame();
    for (let frame = 0; frame < frames; frame++) {
      scroller.scrollTop += step;
      const now = await nextFrame();
      times.push(now - before);
      before = now;
      // Between the frame's callbacks and its painting the scroll event was handled: look after both.
      await new Promise((resolve) => setTimeout(resolve, 0));
      const rows = scroller.querySelectorAll('.row');
      mostRows = Math.max(mostRows, rows.length);
      const { top, bottom, left } = scroller.getBoundingClientRect();
      for (const y of [top + 2, (top + bottom) / 2, bottom - 2]) {
        if (!document.elementFromPoint(left + 100, y)?.closest('.row')) blanks++;
      }
    }
    return {
      times: times.sort((a, b) => a - b),
      mostRows,
      blanks,
      last: scroller.querySelector('.row:last-child')?.id,
    };
  }, FRAMES);

  const median = measured.times[Math.floor(FRAMES / 2)]!;
  const p95 = measured.times[Math.floor(FRAMES * 0.95)]!;
  console.log(
    `frame while scrolling: median ${median.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms; rows ${measured.mostRows}`,
  );
  expect(measured.blanks).toBe(0);
  expect(measured.mostRows).toBeLessThanOrEqual(MAX_DRAWN_ROWS);
  // 60 frames a second; the bound on the slow ones leaves room for another program on the machine.
  expect(median).toBeLessThan(20);
  expect(p95).toBeLessThan(50);
});

it('zooms, folds and finds in 5,000 spans within a tenth of a second', async () => {
  const traceId = await sendTrace(edge.url, manySpans());
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`, { viewport: VIEWPORT });
  const { page } = opened;
  await page.locator('.row').first().waitFor();
  const took = (key: string) =>
    page.evaluate(async (pressed) => {
      const start = performance.now();
      document.activeElement!.dispatchEvent(
        new KeyboardEvent('keydown', { key: pressed, bubbles: true, cancelable: true }),
      );
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
      return performance.now() - start;
    }, key);
  for (const key of ['+', '-', 'End', 'Home', 'ArrowLeft', 'ArrowRight', 'ArrowDown']) {
    expect(await took(key), key).toBeLessThan(100);
  }
  await page.keyboard.press('/');
  await page.keyboard.type('test.id=4321');
  await page.keyboard.press('Enter');
  const id = (4321).toString(16).padStart(16, '0');
  await page.locator(`#row-${id}.active.found`).waitFor();
});
