/** Pages that are left and come back by themselves: no driver may run a script in a page of the back-forward cache, for that would end it. */

import type { Tuning } from '../../client/recorder/tuning.ts';
import { formatHex } from '../../model/ids.ts';
import type { Collector } from './collector.ts';
import type { Tab } from './engines/index.ts';

/** The script of a page that does not stay. */
export const GO_BACK = 'data:text/javascript,setTimeout(() => history.back(), 200)';

/** What has not ended by itself is sent only when the page is left. */
const TUNING: Tuning = { ringBytes: 1024 * 1024, flushBytes: 256 * 1024, rootEndedMs: 500, ageMs: 60_000 };

/** For the page: starts the SDK and its recorder. */
export const startSdk = (endpoint: string): string => `
  const instrument = { documentLoad: false };
  globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint: '${endpoint}', instrument, tuning: ${JSON.stringify(TUNING)} });
  sdk.tracer.startSpan('first', { parent: null }).end();
  await sdk.flush();`;

/** For the page: starts `globalThis.root`, which belongs to a trace. */
export const startRoot = (traceId: string): string => `
  globalThis.root = sdk.tracer.startSpan('visit', { parent: { traceId: '${traceId}', spanId: '00000000000000ff', flags: 1 } });`;

/** For the page: records children of `globalThis.root`. */
export const recordSteps = (count: number): string => `
  for (let i = 0; i < ${count}; i++) sdk.tracer.startSpan('step', { parent: root, attributes: { 'app.step': i } }).end();`;

/** Waits until the driver has found the page that came back. */
export async function isBack(tab: Tab): Promise<void> {
  while ((await tab.evaluate('return true')) !== true);
}

/**
 * How often each ended span of the trace has come. A batch that is on its way when the page leaves goes once more, as it is, where the
 * page was hidden before: that is one.
 */
export function copies({ batches }: Collector, traceId: string): number[] {
  const count = new Map<string, number>();
  const different = new Map(batches.map((batch) => [`${batch.sentUs} ${batch.spans.length}`, batch]));
  for (const { traceId: id, spanId, endUs } of [...different.values()].flatMap(({ spans }) => spans)) {
    const key = formatHex(spanId);
    if (formatHex(id) === traceId && endUs !== null) count.set(key, (count.get(key) ?? 0) + 1);
  }
  return [...count.values()];
}

/** What `copies` says of so many spans that came once. */
export const once = (spans: number): number[] => new Array(spans).fill(1);
