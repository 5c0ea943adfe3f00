/** Puts the SDK together: options, memory, tracer, instrumentation, the page's life cycle. */

import { createSpanBodyWriter, type FlatAttributes } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { instrumentClicks } from '../instrument/click.ts';
import { instrumentDocumentLoad } from '../instrument/document-load.ts';
import { instrumentFetch } from '../instrument/fetch.ts';
import type { Fetch } from '../recorder/exporter.ts';
import { createProducer, type ProducerOptions } from '../recorder/producer.ts';
import { asText } from './anything.ts';
import { createClock } from './clock.ts';
import { QUIET, runIn } from './context.ts';
import { randomWord, wordsToHex } from './ids.ts';
import { findOptionsFault, type InitOptions } from './options.ts';
import { followPage } from './page.ts';
import { redactWith } from './redact.ts';
import type { Tailrace } from './tailrace.ts';
import { Tracer } from './tracer.ts';

/** How the recorder's file is found; differs between the package and the script tag. */
export interface RecorderFile extends Pick<ProducerOptions, 'loadRecorder' | 'worker'> {
  /** How batches are sent where it is not to the edge. */
  readonly transport?: Transport;
}

export interface Transport {
  readonly headers: Readonly<Record<string, string>>;
  url(endpoint: string): string;
  fetch(fetch: Fetch): Fetch;
  beacon(fetch: Fetch): NonNullable<ProducerOptions['beacon']>;
}

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

function create(options: InitOptions, { loadRecorder, worker, transport }: RecorderFile): Tailrace {
  const isOn = options !== OFF;
  const endpoint = `${options.endpoint}`.replace(/\/+$/, '');
  const { key = '', instrument = {}, propagateTo = [], redact } = options;
  const clock = createClock();
  const original = globalThis.fetch;
  // Others may have wrapped it before, and trace what they see.
  const ownFetch: Fetch = (url, init) => runIn(QUIET, () => original.call(globalThis, url, init));
  const producer = createProducer({
    loadRecorder,
    worker,
    nowUs: clock.nowUs,
    beforeRecord: redact && redactWith(redact),
    config: {
      url: transport?.url(endpoint) ?? `${endpoint}/v1/batch?key=${encodeURIComponent(key)}`,
      headers: transport?.headers,
      resource: encodeResource(options),
    },
    fetch: transport?.fetch(ownFetch) ?? ownFetch,
    beacon: transport?.beacon(ownFetch),
  });
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
    async shutdown({ discard = false } = {}) {
      if (isOn) running = null;
      for (const step of undo.splice(0)) step();
      if (!discard) return producer.stop();
      const forgotten = producer.forget();
      const clear = async () => isOn && (await producer.load())?.clearOffline();
      // At once, so that nothing of it is sent any more; and when nothing can be added to it.
      await clear();
      await forgotten;
      await clear();
    },
    stats: () => producer.stats(),
  };
}

/** The resource's attributes in the form in which every batch carries them. */
function encodeResource({ serviceName, resource }: InitOptions): Uint8Array {
  const out = createByteWriter();
  const attributes = {
    ...resource,
    'service.name': serviceName,
    'service.instance.id': wordsToHex([randomWord(), randomWord()]),
    'telemetry.sdk.name': 'tailrace',
    'telemetry.sdk.language': 'webjs',
  };
  createSpanBodyWriter(out, () => -1).attributes(Object.entries(attributes).flat() as FlatAttributes);
  return out.written().slice();
}
