/** Ways in which a page ends, and what of its spans arrives all the same: for the test and the benchmark of exit delivery. */

import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { formatHex } from '../../model/ids.ts';
import type { Collector } from './collector.ts';
import type { Engine, Tab } from './engines/index.ts';
import { PAGE_KINDS, type PageKind, type Pages } from './pages.ts';

/**
 * - `link`, `close`, `reload`, `back`: the page records and is left in the same task; a tab is closed as soon as the driver can.
 * - `offline`: the tab goes elsewhere while the edge is away and the browser says so; then the page is visited again. What ended
 *   `SAFE_MS` before has to arrive then.
 * - `crash`: the page's process is killed. What ended `SAFE_MS` before has to be there, and what was open then, as open.
 */
export const EXIT_KINDS = ['link', 'close', 'reload', 'back', 'offline', 'crash'] as const;
export type ExitKind = (typeof EXIT_KINDS)[number];

export const SAFE_MS = 7_000;
/** What has not come by then does not come. */
const PATIENCE_MS = 10_000;

export interface ExitResult {
  /** Spans that ended before the exit, one of which is the root. */
  readonly ended: number;
  readonly arrived: number;
  /** Of a crash: the span that had not ended arrived as open. */
  readonly isOpenThere: boolean;
}

export interface ExitOptions {
  readonly engine: Engine;
  readonly collector: Collector;
  readonly pages: Pages;
  readonly spans: number;
}

const LEAVE: Readonly<Record<Exclude<ExitKind, 'offline' | 'crash'>, string>> = {
  link: `const link = document.createElement('a'); link.href = '/plain'; document.body.append(link); link.click();`,
  close: '',
  reload: 'location.reload();',
  back: 'history.back();',
};

const init = (endpoint: string) => `
  globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint: '${endpoint}', instrument: { documentLoad: false } });`;

/** A root and its children, one of which stays open. */
const record = (traceId: string, spans: number) => `
  const root = sdk.tracer.startSpan('checkout', { parent: { traceId: '${traceId}', spanId: '00000000000000ff', flags: 1 } });
  globalThis.open = sdk.tracer.startSpan('open', { parent: root });
  for (let i = 1; i < ${spans}; i++) {
    sdk.tracer.startSpan('step ' + (i % 20), { parent: root, attributes: { 'app.step': i, 'app.part': 'part ' + (i % 7) } }).end();
  }
  root.end();`;

const newTraceId = () => randomBytes(16).toString('hex');

/** One exit for each of `modes`. Those that take `SAFE_MS` go together. */
export async function runExits(
  options: ExitOptions,
  kind: ExitKind,
  modes: readonly PageKind[],
): Promise<ExitResult[]> {
  if (kind === 'crash' || kind === 'offline') return (await beginLate(options, kind, modes))();
  const { engine, collector, pages, spans } = options;
  const results: ExitResult[] = [];
  for (const mode of modes) {
    const traceId = newTraceId();
    const tab = await engine.open();
    if (kind === 'back') await tab.goto(pages.url('plain', ''));
    await visit(tab, options, mode);
    await tab.evaluate(`${record(traceId, spans)} ${LEAVE[kind]}`);
    if (kind === 'close') await tab.close();
    results.push(await arrived(collector, traceId, spans));
    if (kind !== 'close') await tab.close();
  }
  return results;
}

/** Opens the pages and records; the result ends them, `SAFE_MS` after that, and looks what arrived. */
export async function beginLate(
  options: ExitOptions,
  kind: 'offline' | 'crash',
  modes: readonly PageKind[],
): Promise<() => Promise<ExitResult[]>> {
  const { engine, collector, pages, spans } = options;
  const opened: { tab: Tab; mode: PageKind; traceId: string }[] = [];
  for (const mode of modes) {
    const tab = await engine.open();
    await visit(tab, options, mode);
    // The recorder is loaded when there is something to send, which it cannot be without a network.
    await tab.evaluate(`sdk.tracer.startSpan('first', { parent: null }).end(); await sdk.flush();`);
    opened.push({ tab, mode, traceId: newTraceId() });
  }
  if (kind === 'offline') {
    collector.away = true;
    for (const { tab } of opened) {
      await tab.evaluate(`Object.defineProperty(navigator, 'onLine', { get: () => false, configurable: true });`);
    }
  }
  for (const { tab, traceId } of opened) await tab.evaluate(record(traceId, spans));
  const safe = setTimeout(SAFE_MS);
  return async () => {
    await safe;
    if (kind === 'crash') engine.crash();
    else {
      for (const { tab } of opened) await tab.goto(pages.url('plain', ''));
      collector.away = false;
      for (const { tab, mode } of opened) {
        await visit(tab, options, mode);
        await tab.evaluate(`sdk.tracer.startSpan('again', { parent: null }).end(); await sdk.flush();`);
      }
    }
    const results = await Promise.all(opened.map(({ traceId }) => arrived(collector, traceId, spans)));
    if (kind === 'offline') for (const { tab } of opened) await tab.close();
    return results;
  };
}

async function visit(
  tab: Tab,
  { collector, pages }: Pick<ExitOptions, 'collector' | 'pages'>,
  mode: PageKind,
): Promise<void> {
  await tab.goto(pages.url(mode, `${collector.url}/sdk/tailrace.js`));
  await tab.evaluate(init(collector.url));
}

async function arrived(collector: Collector, traceId: string, ended: number): Promise<ExitResult> {
  await Promise.race([collector.ended(traceId, ended), setTimeout(PATIENCE_MS)]);
  const ids = new Set<string>();
  let isOpenThere = false;
  for (const span of collector.batches.flatMap((batch) => batch.spans)) {
    if (formatHex(span.traceId) !== traceId) continue;
    if (span.endUs === null) isOpenThere = true;
    else ids.add(formatHex(span.spanId));
  }
  return { ended, arrived: ids.size, isOpenThere };
}

/** `count` pages, of all kinds in turn. */
export function modesOf(count: number): PageKind[] {
  const kinds = Object.keys(PAGE_KINDS) as PageKind[];
  return Array.from({ length: count }, (_, i) => kinds[i % kinds.length]!);
}
