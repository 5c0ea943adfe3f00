/** Workers of the page's that record: dedicated ones, and shared ones, which share no memory with it. */
import { randomBytes } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../kit/chromium.ts';
import { type Collector, startCollector } from '../../kit/collector.ts';
import { chromiumEngine, type Engine, firefoxEngine, webkitEngine } from '../../kit/engines/index.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
import { produce } from '../../kit/producing.ts';
import { openPage } from '../../kit/sdk-page.ts';

let collector: Collector;
let pages: Pages;
let browser: Browser;

beforeAll(async () => {
  collector = await startCollector();
  pages = await startPages();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await pages.close();
  await collector.close();
});

const WORKERS = {
  dedicated: (code: string) => `new Worker(${code}, { type: 'module' })`,
  classic: (code: string) => `new Worker(${code})`,
  shared: (code: string) => `new SharedWorker(${code}, { type: 'module' }).port`,
};

describe.each(['isolated', 'plain'] as const)('on a page that is %s', (kind) => {
  it.each([
    ['dedicated', kind === 'isolated' ? 'shared' : 'copied'],
    ['classic', kind === 'isolated' ? 'shared' : 'copied'],
    ['shared', 'copied'],
  ] as const)('a %s worker records in mode %s, and loses nothing when it waits', async (workerKind, mode) => {
    const { page, errors } = await openPage(browser, pages, { kind, edge: collector.url });
    const traceId = randomBytes(16).toString('hex');
    const script = `
      const serve = async (line) => {
        const { attachProducer } = await import('${collector.url}/sdk/producer.js');
        const sdk = await attachProducer(line);
        const { tracer, flush, stats } = sdk;
        const parent = { traceId: '${traceId}', spanId: '00000000000000ff', flags: 1 };
        for (let i = 0; i < 3000; i++) {
          await tracer.ready();
          tracer.startSpan('step ' + i, { parent }).end();
        }
        await flush();
        line.postMessage({ report: { ...stats(), mode: sdk.mode } });
      };
      if (typeof onconnect === 'undefined') serve(self); else onconnect = ({ ports: [port] }) => serve(port);`;
    const report = await page.evaluate(
      `new Promise((resolve) => {
        const code = URL.createObjectURL(new Blob([${JSON.stringify(script)}], { type: 'text/javascript' }));
        const line = ${WORKERS[workerKind]('code')};
        line.addEventListener('message', ({ data }) => data.report && resolve(data.report));
        sdk.attachProducer(line);
      })`,
    );
    expect(report).toMatchObject({ mode, recorded: 3000, accepted: 3000, ring_full: 0 });
    const spans = await collector.ended(traceId, 3000);
    expect(spans.size).toBe(3000);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('has a rule of its own see what it records', async () => {
    const { page } = await openPage(browser, pages, { kind, edge: collector.url });
    const script = `
      import { attachProducer } from '${collector.url}/sdk/producer.js';
      const redact = (key, value) => {
        if (key === 'bad') throw new Error('in the rule');
        tracer.startSpan('in the rule').end();
        return key === 'user.email' ? undefined : value;
      };
      const { tracer, flush, stats } = await attachProducer(self, { redact });
      const span = tracer.startSpan('work', { parent: null, attributes: { 'user.email': 'a@b.test', n: 1 } });
      tracer.startSpan('lost', { parent: span, attributes: { bad: 1 } }).end();
      span.end();
      await flush();
      postMessage({ traceId: span.context.traceId, stats: stats() });`;
    const { traceId, stats } = await page.evaluate(
      (script) =>
        new Promise<{ traceId: string; stats: Record<string, number> }>((resolve) => {
          const code = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
          const worker = new Worker(code, { type: 'module' });
          worker.addEventListener('message', ({ data }) => data.traceId && resolve(data));
          sdk.attachProducer(worker);
        }),
      script,
    );
    const [span] = [...(await collector.ended(traceId, 1)).values()];
    expect([span!.name, span!.attributes]).toEqual(['work', [['n', 1]]]);
    expect(stats).toMatchObject({ recorded: 2, accepted: 1, encode_failed: 1 });
    await page.close();
  });
});

const LAUNCHES = {
  Chromium: await chromiumEngine(),
  Firefox: await firefoxEngine(),
  WebKitGTK: await webkitEngine(),
};

describe.each(Object.entries(LAUNCHES))('16 workers at a time in %s', (_, launch) => {
  if ('missing' in launch) {
    it.skip(`is not here: ${launch.missing}`);
    return;
  }
  let engine: Engine;
  beforeAll(async () => {
    engine = await launch.start();
  });
  afterAll(() => engine?.close());

  it.each(['isolated', 'plain'] as const)(
    'on a page that is %s: lose none when they wait, and else what is counted; in order',
    async (kind) => {
      const tab = await engine.open();
      for (const isCareful of [true, false]) {
        const all = await produce({ tab, collector, pages, kind, workers: 16, spans: 250, isCareful });
        for (const { stats, arrived } of all) {
          expect(stats.recorded).toBe(250);
          expect(arrived).toHaveLength(stats.accepted);
          expect(stats.accepted + (isCareful ? 0 : stats.ring_full)).toBe(250);
          expect(arrived).toEqual([...new Set(arrived)].sort((a, b) => a - b));
        }
      }
      await tab.close();
    },
  );
});
