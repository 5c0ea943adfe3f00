/** Many workers of a page that record at the same time, in any engine. */

import { randomBytes } from 'node:crypto';
import type { Stats } from '../../client/api/tailrace.ts';
import { formatHex } from '../../model/ids.ts';
import type { Collector } from './collector.ts';
import type { Tab } from './engines/index.ts';
import type { PageKind, Pages } from './pages.ts';

export interface ProducingOptions {
  readonly tab: Tab;
  readonly collector: Collector;
  readonly pages: Pages;
  readonly kind: PageKind;
  readonly workers: number;
  /** Spans a worker. */
  readonly spans: number;
  /** Awaits `ready()` before each span. */
  readonly isCareful: boolean;
}

/** Of one worker. */
export interface Produced {
  readonly stats: Stats & { readonly mode: string };
  /** The numbers of its spans in the order in which they arrived. */
  readonly arrived: readonly number[];
}

/** For a worker: records its spans, and reports when each was delivered or dropped. */
const script = (endpoint: string, traceId: string, worker: number, { spans, isCareful }: ProducingOptions) => `
  const { attachProducer } = await import('${endpoint}/sdk/producer.js');
  const sdk = await attachProducer();
  const parent = { traceId: '${traceId}', spanId: '00000000000000ff', flags: 1 };
  for (let i = 0; i < ${spans}; i++) {
    ${isCareful ? 'await sdk.tracer.ready();' : ''}
    sdk.tracer.startSpan('${worker} ' + i, { parent }).end();
  }
  let stats;
  do {
    await sdk.flush();
    stats = sdk.stats();
  } while (stats.accepted + stats.ring_full < stats.recorded);
  postMessage({ report: { ...stats, mode: sdk.mode } });`;

/** Starts the workers in a new page, waits until they are done, and takes what arrived out of the collector. */
export async function produce(options: ProducingOptions): Promise<Produced[]> {
  const { tab, collector, pages, kind, workers } = options;
  await tab.goto(pages.url(kind, `${collector.url}/sdk/tailrace.js`));
  const traceId = randomBytes(16).toString('hex');
  const scripts = Array.from({ length: workers }, (_, worker) => script(collector.url, traceId, worker, options));
  const arrived: number[][] = scripts.map(() => []);
  // There may be a great many of them: what has come is not kept.
  const take = () => {
    for (const span of collector.batches.splice(0).flatMap((batch) => batch.spans)) {
      if (formatHex(span.traceId) !== traceId) continue;
      const [worker, number] = span.name.split(' ').map(Number) as [number, number];
      arrived[worker]!.push(number);
    }
  };
  const taking = setInterval(take, 50);
  const stats = await tab.evaluate<Produced['stats'][]>(`
    globalThis.sdk = tailrace.init({ serviceName: 'shop', endpoint: '${collector.url}', instrument: { documentLoad: false } });
    return Promise.all(${JSON.stringify(scripts)}.map((script) => new Promise((resolve, reject) => {
      const code = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
      const worker = new Worker(code, { type: 'module' });
      worker.addEventListener('message', ({ data }) => data.report && resolve(data.report));
      worker.addEventListener('error', reject);
      sdk.attachProducer(worker);
    })));`);
  clearInterval(taking);
  take();
  if (!stats) throw new Error('a worker failed');
  return stats.map((stats, worker) => ({ stats, arrived: arrived[worker]! }));
}
