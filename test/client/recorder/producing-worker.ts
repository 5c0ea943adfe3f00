/** A producer of `producers.test.ts`: records in its own thread, and reports when all of it was delivered or dropped. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachProducer } from '../../../client/api/attach-producer.ts';
import type { Stats } from '../../../client/api/tailrace.ts';

export interface Job {
  readonly id: number;
  readonly count: number;
  /** Awaits `ready()` before each span. */
  readonly isCareful: boolean;
}

const { port, job } = workerData as { port: MessagePort; job: Job };
const { tracer, flush, stats } = await attachProducer(port);
for (let i = 0; i < job.count; i++) {
  if (job.isCareful) await tracer.ready();
  tracer.startSpan(`${job.id} ${i}`, { parent: null, attributes: { 'app.step': i } }).end();
}
let now: Stats;
do {
  await flush();
  now = stats();
} while (now.accepted + now.ring_full < now.recorded);
parentPort!.postMessage(now);
