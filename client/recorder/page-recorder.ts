/**
 * The page's half of the recorder, loaded by `import()` when there is something to send: the ring, what writes into it,
 * and the exit. Which mode the page allows is found out meanwhile.
 */

import { type Recorder as Attached, attachRecorder, type RecorderHost } from './attach.ts';
import type { Counters } from './counters.ts';
import { createExit } from './exit.ts';
import { countersOf, createMemory } from './memory.ts';
import type { RecorderMode } from './mode.ts';
import { createRecordWriter } from './record.ts';
import type { OpenRecordable } from './recordable.ts';
import { createRing } from './ring.ts';
import { createStringTable } from './strings.ts';

export interface PageRecorder {
  readonly mode: RecorderMode | 'starting';
  readonly counters: Counters;
  /** Nothing is in the ring. */
  readonly isEmpty: boolean;
  /** Pushes a record of the span as it is now, or counts why that cannot be. */
  push(span: OpenRecordable): void;
  /**
   * Sends what is in the ring. `leaving` is given while the page is being hidden: then it has to be on its way before this
   * returns, and the page may not see an answer.
   */
  flush(leaving?: boolean): Promise<void>;
  /** The page is visible again. */
  show(): Promise<void>;
  close(): void;
}

/** `counts` is what has been counted before. */
export function createPageRecorder(options: Omit<RecorderHost, 'buffer'>, counts: Int32Array): PageRecorder {
  const { config } = options;
  const buffer = createMemory(globalThis.crossOriginIsolated && 'SharedArrayBuffer' in globalThis);
  const host = { ...options, buffer };
  const counters = countersOf(buffer);
  counters.words.set(counts);
  const ring = createRing(buffer);
  const write = createRecordWriter(ring, createStringTable(buffer));
  let attached: Attached | null = null;
  const attaching = attachRecorder(host).then((recorder) => {
    attached = recorder;
    return recorder;
  });
  const exit = createExit({ buffer, config, recorder: () => attached });

  return {
    counters,
    get mode() {
      return attached?.mode ?? 'starting';
    },
    get isEmpty() {
      return ring.usedBytes === 0;
    },
    push(span) {
      span.changed = false;
      try {
        if (!write(span)) counters.add('ring_full');
      } catch (error) {
        // Otherwise user code gave something that no type allows.
        counters.add(error instanceof RangeError ? 'span_too_large' : 'encode_failed');
      }
    },
    async flush(leaving) {
      try {
        if (ring.usedBytes === 0) return;
        if (leaving !== undefined || exit.isActive) await exit.send(!!leaving);
        else await (await attaching).flush();
      } catch {
        counters.add('encode_failed');
      }
    },
    show: () => exit.giveBack(),
    close: () => void attaching.then((recorder) => recorder.close()),
  };
}
