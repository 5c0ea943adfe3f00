/**
 * One call for all requests that need the same. It lives with the request that made it: where the runtime ends that one, because
 * its sender has hung up, the call never settles, so nobody waits for it without bound.
 */

import { within } from '../model/within.ts';
import { unavailable } from './ingest/pressure.ts';

/** Even an object that has to start answers sooner; what takes longer is lost. */
const LOST_MS = 5_000;
const lost = () => unavailable('what this depends on does not answer: try again later', 1_000);

export class SharedCall {
  private running: Promise<void> | null = null;

  get isRunning(): boolean {
    return this.running !== null;
  }

  /** The next one makes another call, whatever the one that runs will answer. */
  forget(): void {
    this.running = null;
  }

  /** Settles as the call does that runs, or that this makes. Throws IngestError 503 when it is lost, and then the next one makes another. */
  async join(call: () => Promise<void>): Promise<void> {
    this.running ??= call();
    const { running } = this;
    try {
      await within(LOST_MS, running, lost);
    } finally {
      if (this.running === running) this.running = null;
    }
  }
}
