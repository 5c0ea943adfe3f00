/**
 * The page's half of the recorder, loaded by `import()` when there is something to send: the ring, what writes into it,
 * and the exit. Which mode the page allows is found out meanwhile.
 */

import { createSpanBodyWriter, type FlatAttributes } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import { type Recorder as Attached, attachRecorder, type RecorderHost } from './attach.ts';
import type { BatchConfig } from './batch-head.ts';
import { createClaim, EXIT } from './claim.ts';
import { createExit, type Exit } from './exit.ts';
import { createMemory, headerOf, markLeft, WORD_HEAD } from './memory.ts';
import type { RecorderMode } from './mode.ts';
import { type Line, offerTo } from './offer.ts';
import { createOpenWatch, type OpenWatch } from './open-watch.ts';
import { createRingProducer, type RingProducer } from './ring-producer.ts';
import { type ScheduledRecorder, type Start, schedule } from './schedule.ts';
import type { Tuning } from './tuning.ts';

export interface PageRecorder extends Omit<RingProducer, 'ready'> {
  readonly mode: RecorderMode | 'starting';
  /** Resolves when there is room for ordinary spans. */
  ready(): Promise<void>;
  /** Ends spans that were forgotten; see `open-watch.ts`. To be asked every few seconds, before open spans are recorded. */
  readonly watchOpen: OpenWatch;
  /** Lets a user's worker record into a ring of its own. */
  attachProducer(line: Line): void;
  /**
   * Sends what is in the ring. `leaving` is given while the page is being hidden: then it has to be on its way before this
   * returns, and the page may not see an answer.
   */
  flush(leaving?: boolean): Promise<void>;
  /** The page is visible again. */
  show(): Promise<void>;
  /** Ends all sending, also what is under way where that can be. */
  close(): Promise<void>;
}

/** What the page gives. */
export interface PageHost extends Omit<RecorderHost, 'buffer' | 'config'> {
  readonly config: PageConfig;
  readonly tuning?: Tuning | undefined;
  /** Says on the console what may be a mistake. */
  readonly debug: boolean;
}

/** As batches have it, but for the resource. */
export interface PageConfig extends Omit<BatchConfig, 'resource'> {
  readonly resource: FlatAttributes;
}

/** Starts the recorder of a page. */
export function startRecorder(host: PageHost, start: Start): ScheduledRecorder {
  return schedule(createPageRecorder(host, start.counts), start);
}

/** `counts` is what has been counted before. */
function createPageRecorder(options: PageHost, counts: Int32Array): PageRecorder {
  const { tuning, debug } = options;
  const config = { ...options.config, resource: encodeResource(options.config.resource) };
  const allocate = (isShared: boolean) => createMemory(isShared, tuning?.ringBytes);
  const buffer = allocate(globalThis.crossOriginIsolated && 'SharedArrayBuffer' in globalThis);
  const host = { ...options, config, buffer };
  const producer = createRingProducer(buffer, options.beforeRecord);
  const { counters } = producer;
  counters.words.set(counts);
  let attached: Attached | null = null;
  const attaching = attachRecorder(host).then((recorder) => {
    attached = recorder;
    return recorder;
  });
  const exitOf = (buffer: ArrayBufferLike) =>
    createExit({ buffer, config, recorder: () => attached, beacon: options.beacon });
  const exit = exitOf(buffer);
  /** Of the workers whose rings the page can see. */
  const others = new Set<Exit>();
  /** A worker ends unheard; what is left in its ring leaves, and its memory is let go. */
  const gone = new FinalizationRegistry<{ exit: Exit; buffer: SharedArrayBuffer }>(({ exit, buffer }) => {
    others.delete(exit);
    markLeft(buffer);
  });

  async function flush(leaving?: boolean): Promise<void> {
    try {
      if (leaving !== undefined || exit.isActive) {
        await Promise.all([
          exit.send(!!leaving),
          // Hidden, the page has nothing to wake it when they have recorded something: the recorder goes on with them.
          ...(leaving === undefined
            ? []
            : [...others].map((one) => one.send(leaving).then(() => (leaving ? undefined : one.giveBack())))),
        ]);
      } else if (!producer.isEmpty) await (await attaching).flush();
    } catch {
      counters.add('encode_failed');
    }
  }

  return {
    ...producer,
    get mode() {
      return attached?.mode ?? 'starting';
    },
    get isEmpty() {
      return producer.isEmpty;
    },
    flush,
    watchOpen: createOpenWatch((text) => debug && console.warn(`tailrace: ${text}`)),
    ready: () => producer.ready(flush),
    async attachProducer(line) {
      const recorder = await attaching;
      offerTo(line, () => {
        const { port1, port2 } = new MessageChannel();
        // Shared workers share with no page.
        const shared = recorder.mode === 'shared' && line instanceof Worker ? allocate(true) : null;
        const buffer = shared as SharedArrayBuffer | null;
        if (buffer) {
          const exit = exitOf(buffer);
          others.add(exit);
          gone.register(line, { exit, buffer });
        }
        recorder.host(port1, buffer);
        return { port: port2, config, buffer };
      });
    },
    async show() {
      await Promise.all([exit, ...others].map((one) => one.giveBack()));
    },
    async close() {
      // Whoever is sending has lost its role to nobody, and who waits for room has it.
      const claim = createClaim(buffer, EXIT);
      claim.take();
      claim.release(Atomics.load(headerOf(buffer), WORD_HEAD));
      (await attaching).close();
    },
  };
}

function encodeResource(attributes: FlatAttributes): Uint8Array {
  const out = createByteWriter();
  createSpanBodyWriter(out, () => -1).attributes(attributes);
  return out.written().slice();
}
