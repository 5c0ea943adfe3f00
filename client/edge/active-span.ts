/** Which span code is running in, across awaits. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestTrace } from './request-trace.ts';
import type { RecordingSpan } from './span.ts';

/** One request being traced, and the span in it that is current. */
export interface ActiveSpan {
  readonly trace: RequestTrace;
  readonly span: RecordingSpan;
}

/** The storage of the whole isolate: empty outside traced requests. */
export const activeSpan = new AsyncLocalStorage<ActiveSpan>();
