/** Tracing in a worker of the user's, with the page's recorder. */

import { type Line, takeOffer } from '../recorder/offer.ts';
import { createProducer } from '../recorder/producer.ts';
import { startWorkerRecorder } from '../recorder/worker-recorder.ts';
import { createClock } from './clock.ts';
import type { InitOptions } from './options.ts';
import { redactWith } from './redact.ts';
import type { Tailrace } from './tailrace.ts';
import { Tracer } from './tracer.ts';

/** As in a page; a worker has no workers that attach to it. */
export type WorkerTailrace = Omit<Tailrace, 'attachProducer'>;

/** A worker has its own: functions do not travel. */
export type WorkerOptions = Pick<InitOptions, 'redact'>;

/**
 * To be called in a worker that the page has given to `attachProducer`, or will: resolves when the page has answered.
 * `line` is where the page is: the worker itself, or in a shared worker the port of its `connect` event.
 */
export async function attachProducer(
  line: Line = globalThis as unknown as Line,
  { redact }: WorkerOptions = {},
): Promise<WorkerTailrace> {
  const offer = await takeOffer(line);
  const beforeRecord = redact && redactWith(redact);
  const producer = createProducer({
    clock: createClock(),
    loadRecorder: async () => (start) => startWorkerRecorder(offer, start, beforeRecord),
  });
  return {
    tracer: new Tracer(producer),
    get mode() {
      return producer.mode;
    },
    flush: producer.flush,
    shutdown: ({ discard } = {}) => (discard ? producer.forget() : producer.stop()),
    stats: producer.stats,
  };
}
