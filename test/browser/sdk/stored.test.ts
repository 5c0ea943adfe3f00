import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Trace } from '../../../model/span.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';
import { openPage, recordSpans } from '../../kit/sdk-page.ts';

const SPANS = 1_000;

let browser: Browser;
let edge: TestEdge;
let pages: Pages;
beforeAll(async () => {
  // The trace's root is a remote span that never comes: it is decided when it has been quiet.
  const TAILRACE_CONFIG = JSON.stringify({
    probability: 1,
    alarmMs: 100,
    storing: { blockMs: 0 },
    headlessQuietMs: 500,
  });
  const vars = { TAILRACE_OPEN: '1', TAILRACE_CONFIG };
  [browser, edge, pages] = await Promise.all([launchChromium(), startEdge({ vars }), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), edge?.close(), pages?.close()]);
});

/** Asks the edge until `done`; the test's own time is the limit. */
async function poll<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const metric = async (name: string) => {
  const text = await (await fetch(`${edge.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
};

it.each(Object.keys(PAGE_KINDS) as PageKind[])(
  'stores every one of 1,000 spans of a page that is %s and was left at once',
  async (kind) => {
    const before = await metric('tailrace_spans_stored_total');
    const { page } = await openPage(browser, pages, { kind, edge: edge.url });
    const traceId = await recordSpans(page, SPANS, pages.url('plain', ''));
    const trace = await poll(
      async () => {
        const response = await fetch(`${edge.url}/api/traces/${traceId}`);
        return response.ok ? ((await response.json()) as Trace) : null;
      },
      (answer) => answer?.state === 'kept' && answer.spans.length >= SPANS,
    );
    expect(trace!.spans).toHaveLength(SPANS);
    expect(trace!.spans.every((span) => span.state === 'ended')).toBe(true);
    expect(trace!.completeness).toMatchObject({ openSpans: 0, rootEnded: false, missingParents: 1 });
    await poll(
      () => metric('tailrace_spans_stored_total'),
      (stored) => stored >= before + SPANS,
    );
  },
  60_000,
);

it('shows the open spans of a page that crashed as abandoned, with those that had ended', async () => {
  const { page } = await openPage(browser, pages, { kind: 'plain', edge: edge.url });
  const traceId = await page.evaluate(() => {
    const root = sdk.tracer.startSpan('visit', { parent: null });
    sdk.tracer.startSpan('step', { parent: root }).end();
    return root.context.traceId;
  });
  const ask = async () => {
    const response = await fetch(`${edge.url}/api/traces/${traceId}`);
    return response.ok ? ((await response.json()) as Trace) : null;
  };
  await poll(ask, (trace) => trace?.spans.length === 2);
  const crashed = page.waitForEvent('crash');
  // The navigation itself never ends.
  void page.goto('chrome://crash').catch(() => null);
  await crashed;
  // Until it is stored it might go on.
  const trace = await poll(ask, (trace) => trace?.spans.some(({ state }) => state === 'abandoned') === true);
  const states = Object.fromEntries(trace!.spans.map(({ name, state }) => [name, state]));
  expect(states).toEqual({ visit: 'abandoned', step: 'ended' });
}, 60_000);
