/** What `init` returns. */

import type { ClientDropReason } from '../../model/reasons.ts';
import type { RecorderMode } from '../recorder/mode.ts';
import type { Line } from '../recorder/offer.ts';
import type { Tracer } from './tracer.ts';

/** Counted since the SDK was started, and spans lost for each reason. */
export interface Stats extends Readonly<Record<ClientDropReason, number>> {
  /** Spans that ended. */
  readonly recorded: number;
  /**
   * Versions of spans that the edge has acknowledged or the browser has promised to deliver: one when a span has ended,
   * and one for each time it was sent while it was open.
   */
  readonly accepted: number;
  /** Versions that left in a request, and those that did so again because an answer had failed to come. */
  readonly sent: number;
  readonly retried: number;
  /** Versions that were stored in the browser because the edge could not be reached; they count as accepted once they are. */
  readonly saved: number;
  /** Changes to spans that had ended, which were ignored. */
  readonly ignored: number;
}

export interface Tailrace {
  readonly tracer: Tracer;
  /** How spans leave the page: `starting` until the first have to be sent, `off` when nothing is recorded. */
  readonly mode: RecorderMode | 'starting' | 'off';
  /** Sends everything recorded until now. Resolves when it is accepted, or cannot be sent for the moment. */
  flush(): Promise<void>;
  /**
   * Stops recording and undoes what was patched. What there is is sent, or, with `discard`, dropped together with what
   * waits for the next visit.
   */
  shutdown(how?: { readonly discard?: boolean }): Promise<void>;
  stats(): Stats;
  /**
   * Lets a worker of the page's record: a dedicated one, or the port of a shared one. The worker calls `attachProducer` of
   * this package.
   */
  attachProducer(worker: Line): void;
}
