/**
 * What a span costs the page that records it: Tailrace beside OpenTelemetry's web SDK and beside the two clock readings
 * no span can do without, in the same page of a real Chromium, in rounds that take turns.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { ROOT } from '../scripts/run.ts';
import { launchChromium } from '../test/kit/chromium.ts';
import { tempDir } from '../test/kit/temp-dir.ts';
import type { BenchPage, Case } from './page/span-cost.ts';

const WARM_UP_ROUNDS = 20;
const ROUNDS = 200;
const DELIVERY_WARM_UP_ROUNDS = 5;
const DELIVERY_ROUNDS = 30;

type Sdk = keyof BenchPage['deliver'];

const LINES: readonly (readonly [Case, string, peer?: Case])[] = [
  ['floor', 'two performance.now()'],
  ['tailrace', 'Tailrace, no attributes'],
  ['opentelemetry', 'OpenTelemetry, no attributes', 'tailrace'],
  ['tailraceAttributes', 'Tailrace, 5 attributes'],
  ['opentelemetryAttributes', 'OpenTelemetry, 5 attributes', 'tailraceAttributes'],
];
const KINDS = [
  [
    'cross-origin isolated',
    { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' },
  ],
  ['not isolated', {}],
] as const;
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

const percentile = (values: readonly number[], p: number) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * p)]!;

/** Serves the built page, and takes what it sends. */
async function serve(folder: string, headers: Readonly<Record<string, string>>) {
  const bodyBytes = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    if (pathname.startsWith('/v1/')) {
      let bytes = bodyBytes.get(pathname) ?? 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      bodyBytes.set(pathname, bytes);
      response.end('{}');
      return;
    }
    const file = pathname === '/' ? '/index.html' : pathname;
    const body = await readFile(join(folder, file)).catch(() => null);
    response
      .writeHead(body ? 200 : 404, { ...headers, 'content-type': TYPES[extname(file)] ?? 'text/plain' })
      .end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    /** What has arrived, by path. */
    bodyBytes,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(url);
  return page;
}

type Window = { readonly bench: BenchPage };

/** Rounds in the page. @throws when a span was not recorded */
async function measureRecording(page: Page): Promise<Record<Case, number>[]> {
  const rounds: Record<Case, number>[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const one = await page.evaluate(
      (number) => (globalThis as unknown as Window).bench.measureRound(number),
      round + WARM_UP_ROUNDS,
    );
    if (round >= 0) rounds.push(one);
  }
  const { stats, exported, spans } = await page.evaluate(() => (globalThis as unknown as Window).bench.report());
  const { recorded, accepted, sent, retried, saved, ignored, ...lost } = stats;
  const wanted = (WARM_UP_ROUNDS + ROUNDS) * 2 * spans;
  if (recorded !== wanted || accepted < wanted || exported !== wanted || Object.values(lost).some((n) => n > 0)) {
    throw new Error(`of ${wanted} spans each, not all were recorded: ${JSON.stringify({ stats, exported })}`);
  }
  return rounds;
}

/** Nanoseconds a span for which the page's main thread is busy, by Chromium's own account, until it is delivered. */
async function measureDelivery(page: Page, spans: number): Promise<Record<Sdk, number>[]> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  const busyMs = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000;
  };
  const deliver = async (sdk: Sdk) => {
    const before = await busyMs();
    await page.evaluate((name) => (globalThis as unknown as Window).bench.deliver[name](), sdk);
    return (((await busyMs()) - before) / spans) * 1e6;
  };
  const rounds: Record<Sdk, number>[] = [];
  for (let round = -DELIVERY_WARM_UP_ROUNDS; round < DELIVERY_ROUNDS; round++) {
    const one = { tailrace: await deliver('tailrace'), opentelemetry: await deliver('opentelemetry') };
    if (round >= 0) rounds.push(one);
  }
  return rounds;
}

/** Of the middle half, so that neither a clock's coarse steps nor what else the machine did is in it. */
function middleMean(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.floor(sorted.length / 4), Math.ceil((sorted.length * 3) / 4));
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** Median and spread, what is beyond `floor` of the same round, and how that compares with the peer's. */
function line<K extends string>(
  rounds: readonly Record<K, number>[],
  name: K,
  title: string,
  peer?: K,
  floor?: K,
): string {
  const values = rounds.map((round) => round[name]);
  const spread = [0.05, 0.95].map((p) => percentile(values, p).toFixed(0)).join(' to ');
  const beyondOf = (name: K) => middleMean(rounds.map((round) => round[name] - (floor ? round[floor] : 0)));
  const beyond = floor && name !== floor ? `, ${beyondOf(name).toFixed(0)} beyond the two` : '';
  const ratio = peer ? `, ${(beyondOf(name) / beyondOf(peer)).toFixed(1)} times Tailrace` : '';
  return `  ${title.padEnd(28)} ${percentile(values, 0.5).toFixed(0).padStart(6)} (${spread})${beyond}${ratio}`;
}

using dir = tempDir();
await build({
  configFile: false,
  root: join(ROOT, 'bench/page'),
  logLevel: 'warn',
  resolve: { alias: [{ find: '../../client/index.ts', replacement: join(ROOT, 'dist/sdk/index.js') }] },
  build: { outDir: dir.path, emptyOutDir: true, target: 'es2022', reportCompressedSize: false },
  worker: { format: 'es' },
});
const browser = await launchChromium();
try {
  console.log(
    `Chromium ${browser.version()}; start and end of a child of an open span, nanoseconds a span, median (5 % to 95 % of rounds), and how much of it is beyond two clock readings of the same round (mean of the middle half).
OpenTelemetry: WebTracerProvider and BatchSpanProcessor with room for all spans of a round. Tailrace: no instrumentation.
recorded: both keep their spans until they are exported; OpenTelemetry's exporter does nothing. ${ROUNDS} rounds.
delivered: how long the main thread is busy until all 5-attribute spans were encoded and sent, with OTLPTraceExporter. ${DELIVERY_ROUNDS} rounds.`,
  );
  for (const [title, headers] of KINDS) {
    using server = await serve(dir.path, headers);
    const page = await openPage(browser, server.url);
    const recording = await measureRecording(page);
    const { mode, spans } = await page.evaluate(() => (globalThis as unknown as Window).bench.report());
    console.log(`\n${title} (mode ${mode}), recorded, ${spans} spans a round`);
    for (const [name, text, peer] of LINES) console.log(line(recording, name, text, peer, 'floor'));
    server.bodyBytes.clear();
    const delivery = await measureDelivery(page, spans);
    const sent = (DELIVERY_WARM_UP_ROUNDS + DELIVERY_ROUNDS) * spans;
    const bytes = (path: string) => `${Math.round(server.bodyBytes.get(path)! / sent)} bytes a span`;
    console.log(`${title} (mode ${mode}), delivered`);
    console.log(`${line(delivery, 'tailrace', 'Tailrace, 5 attributes')}, ${bytes('/v1/batch')}`);
    console.log(
      `${line(delivery, 'opentelemetry', 'OpenTelemetry, 5 attributes', 'tailrace')}, ${bytes('/v1/traces')}`,
    );
    await page.close();
  }
} finally {
  await browser.close();
}
