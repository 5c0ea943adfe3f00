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
/** 12,000 px a second: a hard flick of the wheel. */
const FAST_SCROLL_PX = 200;

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

it('scrolls 5,000 spans with 60 frames a second and few rows in the document', async () => {
  const traceId = await sendTrace(edge.url, manySpans());
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`, { viewport: VIEWPORT });
  const { page } = opened;
  await page.locator('.row').first().waitFor();
  expect(await page.getByRole('treegrid').getAttribute('aria-rowcount')).toBe(String(SPANS + 1));

  // What else the machine does only ever makes frames later, so the best of three runs is the page's own doing.
  const runs = [];
  for (let run = 0; run < 3; run++) {
    const times = await page.locator('.scroller').evaluate(frameTimes, { frames: FRAMES, stepPx: FAST_SCROLL_PX });
    runs.push({ median: times[FRAMES / 2]!, p95: times[Math.floor(FRAMES * 0.95)]! });
  }
  const best = runs.toSorted((a, b) => a.median - b.median || a.p95 - b.p95)[0]!;
  console.log(`frames while scrolling: median ${best.median.toFixed(1)} ms, p95 ${best.p95.toFixed(1)} ms`);
  expect(best.median).toBeLessThan(20);
  expect(best.p95).toBeLessThan(51);
});

it('draws rows wherever the scroll bar is dragged to', async () => {
  const traceId = await sendTrace(edge.url, manySpans());
  await using opened = await openPage(browser, `${edge.url}/trace/${traceId}`, { viewport: VIEWPORT });
  const { page } = opened;
  await page.locator('.row').first().waitFor();
  const seen = await page.locator('.scroller').evaluate(visitAll, FRAMES);
  expect(seen.blanks).toBe(0);
  expect(seen.mostRows).toBeLessThanOrEqual(MAX_DRAWN_ROWS);
  expect(seen.lastRow).toBe(String(SPANS + 1));
});

/** Runs in the page: scrolls by `stepPx` a frame; how long each frame took, ascending, in milliseconds. */
async function frameTimes(
  scroller: Element,
  { frames, stepPx }: { frames: number; stepPx: number },
): Promise<number[]> {
  const nextFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
  scroller.scrollTop = 0;
  await nextFrame();
  let before = await nextFrame();
  const times: number[] = [];
  for (let frame = 0; frame < frames; frame++) {
    scroller.scrollTop += stepPx;
    const now = await nextFrame();
    times.push(now - before);
    before = now;
  }
  return times.sort((a, b) => a - b);
}

/** Runs in the page: jumps through all rows in `steps`, and looks at what is on the screen once a jump was drawn. */
async function visitAll(scroller: Element, steps: number) {
  const stepPx = (scroller.scrollHeight - scroller.clientHeight) / steps;
  const { top, bottom, left } = scroller.getBoundingClientRect();
  let mostRows = 0;
  let blanks = 0;
  for (let step = 1; step <= steps; step++) {
    scroller.scrollTop = step * stepPx;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    const rows = scroller.querySelectorAll('.row').length;
    mostRows = Math.max(mostRows, rows);
    for (const y of [top + 2, (top + bottom) / 2, bottom - 2]) {
      if (!document.elementFromPoint(left + 100, y)?.closest('.row')) blanks++;
    }
  }
  return { mostRows, blanks, lastRow: scroller.querySelector('.row:last-child')?.getAttribute('aria-rowindex') };
}

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
    const times = [await took(key), await took(key), await took(key)];
    expect(Math.min(...times), key).toBeLessThan(100);
  }
  await page.keyboard.press('/');
  await page.keyboard.type('test.id=4321');
  await page.keyboard.press('Enter');
  const id = (4321).toString(16).padStart(16, '0');
  await page.locator(`#row-${id}.active.found`).waitFor();
});
