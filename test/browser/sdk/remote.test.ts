/** What the edge tells a page holds in it without a reload, in each mode. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SdkConfig } from '../../../model/sdk-config.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { PAGE_KINDS, type PageKind, type Pages, startPages } from '../../kit/pages.ts';
import { openPage } from '../../kit/sdk-page.ts';

let browser: Browser;
let edge: TestEdge;
let pages: Pages;

beforeAll(async () => {
  [browser, edge, pages] = await Promise.all([launchChromium(), startEdge(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), edge?.close(), pages?.close()]);
});

async function put(sdk: object): Promise<void> {
  const document = { probability: 1, alarmMs: 100, storing: { blockMs: 0 }, sdk };
  const response = await fetch(`${edge.url}/api/config`, { method: 'PUT', body: JSON.stringify(document) });
  expect(response.status).toBe(200);
}

/** What an earlier test has paused is no longer. */
async function goesOn(): Promise<void> {
  const isPaused = async () => ((await (await fetch(`${edge.url}/v1/config`)).json()) as SdkConfig).paused;
  await expect.poll(isPaused, { timeout: 20_000, interval: 250 }).toBe(false);
}

describe.each(Object.keys(PAGE_KINDS) as PageKind[])('on a page that is %s', (kind) => {
  it('has it leave out a route, pause, and go on', async () => {
    await put({});
    await goesOn();
    const { page, errors } = await openPage(browser, pages, { kind, edge: edge.url });
    /** Records a trace of each name and sends them. The names that were recorded. */
    const visit = () =>
      page.evaluate(async () => {
        const spans = ['visit', 'ping'].map((name) => sdk.tracer.startSpan(name, { parent: null }));
        for (const span of spans) span.end();
        await sdk.flush();
        return spans.filter(({ isDropped }) => !isDropped).map(({ name }) => name);
      });
    expect(await visit()).toEqual(['visit', 'ping']);
    // The edge's isolate hears of it within 5 s, the page with the next answer.
    const becomes = (names: string[]) => expect.poll(visit, { timeout: 20_000, interval: 250 }).toEqual(names);
    await put({ routes: [{ name: 'vis*', sampleRate: 0 }] });
    await becomes(['ping']);
    await put({ paused: true });
    await becomes([]);
    expect(await page.evaluate(() => sdk.stats().not_sampled)).toBeGreaterThan(2);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('has it record no more of a trace that is too much, and of others all', async () => {
    await put({ maxTraceSpans: 10 });
    await goesOn();
    const { page, errors } = await openPage(browser, pages, { kind, edge: edge.url });
    await page.evaluate(() => {
      Object.assign(globalThis, { root: sdk.tracer.startSpan('too much', { parent: null }) });
    });
    /** Records a span of the trace and one of another, and sends them. Which of them were recorded. */
    const go = () =>
      page.evaluate(async () => {
        const { root } = globalThis as unknown as { root: ReturnType<typeof sdk.tracer.startSpan> };
        const spans = [root, null].map((parent) => sdk.tracer.startSpan('step', { parent }));
        for (const span of spans) span.end();
        await sdk.flush();
        return spans.map(({ isDropped }) => !isDropped);
      });
    expect(await go()).toEqual([true, true]);
    await expect.poll(go, { timeout: 20_000, interval: 100 }).toEqual([false, true]);
    // What is recorded of it already is sent all the same.
    const traceId = await page.evaluate(async () => {
      const { root } = globalThis as unknown as { root: ReturnType<typeof sdk.tracer.startSpan> };
      root.end();
      await sdk.flush();
      return root.context.traceId;
    });
    const spans = async () =>
      ((await (await fetch(`${edge.url}/api/traces/${traceId}`)).json()) as { spans: { name: string }[] }).spans;
    await expect.poll(async () => (await spans()).some(({ name }) => name === 'too much')).toBe(true);
    const { length } = await spans();
    expect(await go()).toEqual([false, true]);
    expect(await spans()).toHaveLength(length);
    expect(length).toBeGreaterThan(10);
    expect(errors).toEqual([]);
    await page.close();
  });
});
