/** Puts the SDK together: options, memory, tracer, instrumentation, the page's life cycle. */

import { SpanBodyWriter } from '../../model/batch/span-body.ts';
import { ByteWriter } from '../../model/bytes.ts';
import { instrumentClicks } from '../instrument/click.ts';
import { instrumentDocumentLoad } from '../instrument/document-load.ts';
import { instrumentFetch } from '../instrument/fetch.ts';
import { createMemory } from '../recorder/memory.ts';
import { Producer, type ProducerOptions } from '../recorder/producer.ts';
import { createClock } from './clock.ts';
import { randomWord, wordToHex } from './ids.ts';
import { findOptionsFault, type InitOptions } from './options.ts';
import type { Tailrace } from './tailrace.ts';
import { Tracer } from './tracer.ts';

/** How the recorder's file is found; differs between the package and the script tag. */
export type RecorderFile = Pick<ProducerOptions, 'loadRecorder' | 'worker'>;

/** The SDK of this page; a second one would record everything twice. */
let running: Tailrace | null = null;

/**
 * Starts the SDK. With wrong options, which it warns about, or where there is no page (Node, a worker), it returns one
 * that does nothing.
 */
export function start(options: InitOptions, file: RecorderFile): Tailrace {
  if (typeof document === 'undefined') return inert();
  const fault = running ? 'init was called before; the first call stands' : findOptionsFault(options);
  if (fault) console.warn(`tailrace: ${fault}`);
  if (running) return running;
  if (fault) return inert();
  try {
    running = create(options, file);
    return running;
  } catch (error) {
    console.warn(`tailrace: this page cannot be traced: ${error}`);
    return inert();
  }
}

function create(options: InitOptions, file: RecorderFile): Tailrace {
  const endpoint = options.endpoint.replace(/\/+$/, '');
  const shared = globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer !== 'undefined';
  const producer = new Producer({
    ...file,
    buffer: createMemory(shared),
    config: {
      url: `${endpoint}/v1/batch?key=${encodeURIComponent(options.key ?? '')}`,
      resource: encodeResource(options),
    },
    fetch: fetch.bind(globalThis),
  });
  const { counters } = producer;
  const clock = createClock();
  const tracer = new Tracer(clock, producer);
  const { instrument = {}, propagateTo = [] } = options;
  const undo = [followPage(producer)];
  if (instrument.fetch !== false) undo.push(instrumentFetch(tracer, { endpoint, propagateTo }));
  if (instrument.documentLoad !== false) {
    undo.push(
      instrumentDocumentLoad(() => void producer.load().then((recorder) => recorder?.recordLoad(tracer, clock))),
    );
  }
  if (instrument.clicks !== false) undo.push(instrumentClicks(tracer));
  return {
    tracer,
    get mode() {
      return producer.isStopped ? 'off' : (producer.recorder?.mode ?? 'starting');
    },
    flush: () => producer.flush(),
    shutdown() {
      running = null;
      for (const step of undo.splice(0)) step();
      return producer.stop();
    },
    stats: () => ({
      recorded: counters.get('recorded'),
      accepted: counters.get('accepted'),
      savedOffline: counters.get('savedOffline'),
      ignoredChanges: counters.get('ignoredChanges'),
      dropped: counters.dropped(),
    }),
  };
}

/** The resource's attributes in the form in which every batch carries them. */
function encodeResource({ serviceName, resource = {} }: InitOptions): Uint8Array {
  const out = new ByteWriter();
  new SpanBodyWriter(out, () => -1).attributes([
    ...Object.entries({
      ...resource,
      'service.name': serviceName,
      'service.instance.id': wordToHex(randomWord()) + wordToHex(randomWord()),
    }),
    ['telemetry.sdk.name', 'tailrace'],
    ['telemetry.sdk.language', 'webjs'],
  ]);
  return out.written().slice();
}

/** `pagehide` is an event of the window; `visibilitychange` may come after it. */
function followPage(producer: Producer): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const onVisibility = () => (document.visibilityState === 'hidden' ? producer.hide(false) : producer.show());
  document.addEventListener('visibilitychange', onVisibility, { signal });
  addEventListener('pagehide', () => producer.hide(true), { signal });
  // Restored from the back-forward cache.
  addEventListener('pageshow', (event) => event.persisted && producer.show(), { signal });
  return () => controller.abort();
}

/** An SDK whose spans lead nowhere. */
function inert(): Tailrace {
  const sink = { onStart() {}, onEnd() {}, onIgnored() {} };
  const nothing = async () => {};
  return {
    tracer: new Tracer({ nowUs: () => 0, fromPerformance: () => 0 }, sink),
    mode: 'off',
    flush: nothing,
    shutdown: nothing,
    stats: () => ({ recorded: 0, accepted: 0, savedOffline: 0, ignoredChanges: 0, dropped: {} }),
  };
}
