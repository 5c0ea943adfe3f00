/** Puts the SDK together: options, memory, tracer, instrumentation, the page's life cycle. */

import type { FlatAttributes } from '../../model/batch/span-body.ts';
import { instrumentClicks } from '../instrument/click.ts';
import { instrumentDocumentLoad } from '../instrument/document-load.ts';
import { instrumentFetch } from '../instrument/fetch.ts';
import { deleteDatabase } from '../recorder/database.ts';
import { sendEarly } from '../recorder/early-exit.ts';
import type { PageHost } from '../recorder/page-recorder.ts';
import { createProducer } from '../recorder/producer.ts';
import { headSampling } from '../sampling/head-sampling.ts';
import { asText } from './anything.ts';
import { createClock } from './clock.ts';
import { QUIET, runIn } from './context.ts';
import { randomWord, wordsToHex } from './ids.ts';
import { findOptionsFault, type InitOptions } from './options.ts';
import { followPage } from './page.ts';
import { redactWith } from './redact.ts';
import { SILENCE } from './silence.ts';
import type { Tailrace } from './tailrace.ts';
import { Tracer } from './tracer.ts';

/** How the recorder's file is found; differs between the package and the script tag. */
export interface RecorderFile extends Pick<PageHost, 'worker' | 'loadSteering'> {
  /** Changes how batches are sent; the edge takes them as they are. */
  readonly transport?: (host: PageHost, endpoint: string) => PageHost;
  readonly loadRecorder: () => Promise<typeof import('../recorder/entry.ts')>;
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

function create(options: InitOptions, file: RecorderFile): Tailrace {
  const isOn = options !== OFF;
  const endpoint = `${options.endpoint}`.replace(/\/+$/, '');
  const { key = '', instrument = {}, propagateTo = [], redact, tuning, debug = false, sampleRate = 1 } = options;
  const sampling = options.sampler ?? (sampleRate < 1 ? headSampling(sampleRate) : null);
  const clock = createClock();
  const original = globalThis.fetch;
  const batches: PageHost = {
    ...file,
    config: { url: `${endpoint}/v1/batch?key=${encodeURIComponent(key)}`, resource: resourceOf(options) },
    tuning,
    debug,
    sampling,
    setSampling: (next) => producer.setSampling(next),
    // Others may have wrapped it before, and trace what they see.
    fetch: (url, init) => runIn(QUIET, () => original.call(globalThis, url, init)),
    beforeRecord: redact && redactWith(redact),
  };
  const host = file.transport?.(batches, endpoint) ?? batches;
  const load = () => file.loadRecorder().catch(() => null);
  const producer = createProducer({
    clock,
    sampling,
    tuning,
    sendEarly: (spans, counters, leaving) => sendEarly(spans, host, counters, leaving),
    async loadRecorder() {
      const recorder = await load();
      return recorder && ((start) => recorder.startRecorder(host, start));
    },
  });
  const tracer = new Tracer(producer);
  const undo: (() => void)[] = [];
  if (isOn) {
    undo.push(followPage(producer));
    if (instrument.fetch !== false) undo.push(instrumentFetch(tracer, { endpoint, propagateTo }));
    if (instrument.clicks !== false) undo.push(instrumentClicks(tracer));
    if (instrument.documentLoad !== false) {
      undo.push(instrumentDocumentLoad(async () => (await load())?.recordLoad(tracer, clock.segmentUs())));
    }
  } else producer.discard();
  return {
    tracer,
    get mode() {
      return producer.mode;
    },
    flush: producer.flush,
    shutdown({ discard } = {}) {
      if (isOn) running = null;
      for (const step of undo.splice(0)) step();
      if (!discard) return producer.stop();
      deleteDatabase();
      return producer.forget();
    },
    stats: producer.stats,
    attachProducer: async (worker) => (await producer.attach())?.attachProducer(worker),
  };
}

/** The resource's attributes, as a span would hold them. */
function resourceOf({ serviceName, resource }: InitOptions): FlatAttributes {
  return new Tracer(SILENCE).startSpan('', {
    attributes: {
      ...resource,
      'service.name': serviceName,
      'service.instance.id': wordsToHex([randomWord(), randomWord()]),
      'telemetry.sdk.name': 'tailrace',
      'telemetry.sdk.language': 'webjs',
    },
  }).attributes;
}
