/** What `init` returns. */

import type { ClientDropReason } from '../../model/reasons.ts';
import type { RecorderMode } from '../recorder/mode.ts';
import type { Tracer } from './tracer.ts';

export interface Stats {
  /** Spans that ended. */
  readonly recorded: number;
  /** Spans the edge has acknowledged, or the browser has promised to deliver. */
  readonly accepted: number;
  /** Spans that wait for the next visit. */
  readonly savedOffline: number;
  /** Changes to spans that had ended, which were ignored. */
  readonly ignoredChanges: number;
  readonly dropped: Readonly<Partial<Record<ClientDropReason, number>>>;
}

export interface Tailrace {
  readonly tracer: Tracer;
  /** How spans leave the page: `starting` until the first have to be sent, `off` when nothing is recorded. */
  readonly mode: RecorderMode | 'starting' | 'off';
  /** Sends everything recorded until now. Resolves when it is accepted, or cannot be sent for the moment. */
  flush(): Promise<void>;
  /** Sends everything, stops recording and undoes what was patched. */
  shutdown(): Promise<void>;
  stats(): Stats;
}
