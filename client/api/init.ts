/** Puts the SDK together: options, memory, tracer, instrumentation, the page's life cycle. */

import { createSpanBodyWriter } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { instrumentClicks } from '../instrument/click.ts';
import { instrumentDocumentLoad } from '../instrument/document-load.ts';
import { instrumentFetch } from '../instrument/fetch.ts';
import { createMemory } from '../recorder/memory.ts';
import { createProducer, type ProducerOptions } from '../recorder/producer.ts';
import { headSampling } from '../sampling/head-sampling.ts';
import { asText } from './anything.ts';
import { createClock } from './clock.ts';
import { randomWord, wordToHex } from './ids.ts';
import { findOptionsFault, type InitOptions } from './options.ts';
import { followPage } from './page.ts';
import type { Tailrace } from './tailrace.ts';
import { Tracer } from './tracer.ts';

/** How the recorder's file is found; differs between the package and the script tag. */
export type RecorderFile = Pick<ProducerOptions, 'loadRecorder' | 'loadSteering' | 'worker'>;

/** The SDK of this page; a second one would record everything twice. */
let running: Tailrace | null = null;

/** What an SDK that does nothing is made with. */
const OFF: InitOptions = { serviceName: '', endpoint: '' };

/**
 * Starts the SDK. With wrong options, which it warns about, or where there is no page (Node, a worker), it returns one
 * that does nothing; where one is running already, that one.
 */
export function start(options: InitOptions, file: RecorderFile): Tailrace {
  if (typeof document !== 'undefined' && !running) {
    let fault = findOptionsFault(options);
    try {
      if (!fault) running = create(options, file);
    } catch (error) {
      fault = asText(error);
    }
    if (fault) console.warn(`tailrace: ${fault}`);
  }
  return running ?? create(OFF, file);
}

function create(options: InitOptions, file: RecorderFile): Tailrace {
  const isOn = options !== OFF;
  const endpoint = `${options.endpoint}`.replace(/\/+$/, '');
  const { key = '', instrument = {}, propagateTo = [], sampleRate = 1, sampler } = options;
  const clock = createClock();
  const producer = createProducer({
    ...file,
    clock,
    sampling: sampler ?? (sampleRate < 1 ? headSampling(sampleRate) : null),
    buffer: isOn
      ? createMemory(globalThis.crossOriginIsolated && 'SharedArrayBuffer' in globalThis)
      : createMemory(false, 64, 0),
    config: { url: `${endpoint}/v1/batch?key=${encodeURIComponent(key)}`, resource: encodeResource(options) },
    fetch: globalThis.fetch?.bind(globalThis),
  });
  const { counters } = producer;
  const tracer = new Tracer(producer);
  const undo: (() => void)[] = [];
  if (isOn) {
    undo.push(followPage(producer));
    if (instrument.fetch !== false) undo.push(instrumentFetch(tracer, { endpoint, propagateTo }));
    if (instrument.clicks !== false) undo.push(instrumentClicks(tracer));
    if (instrument.documentLoad !== false) {
      undo.push(instrumentDocumentLoad(async () => (await producer.load())?.recordLoad(tracer, clock)));
    }
  } else producer.discard();
  return {
    tracer,
    get mode() {
      return producer.mode;
    },
    flush: () => producer.flush(),
    shutdown() {
      if (isOn) running = null;
      for (const step of undo.splice(0)) step();
      return producer.stop();
    },
    stats: () => counters.all(),
  };
}

/** The resource's attributes in the form in which every batch carries them. */
function encodeResource({ serviceName, resource }: InitOptions): Uint8Array {
  const out = createByteWriter();
  const attributes = {
    ...resource,
    'service.name': serviceName,
    'service.instance.id': wordToHex(randomWord()) + wordToHex(randomWord()),
    'telemetry.sdk.name': 'tailrace',
    'telemetry.sdk.language': 'webjs',
  };
  createSpanBodyWriter(out, () => -1).attributes(Object.entries(attributes));
  return out.written().slice();
}
