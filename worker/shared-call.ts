/**
 * One call for all requests that need the same. It lives with the request that made it: where the runtime ends that one, because
 * its sender has hung up, the call never settles, so nobody waits for it without bound.
 */

/** Even an object that has to start answers sooner; what takes longer is lost. */
const LOST_MS = 5_000;

export class SharedCall {
  private running: Promise<void> | null = null;

  get isRunning(): boolean {
    return this.running !== null;
  }

  /** Settles as the call does that runs, or that this makes. Rejects when it is lost, and then the next one makes another. */
  async join(call: () => Promise<void>): Promise<void> {
    this.running ??= call();
    const { running } = this;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const lost = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer')), LOST_MS);
    });
    try {
      await Promise.race([running, lost]);
    } finally {
      clearTimeout(timer);
      if (this.running === running) this.running = null;
    }
  }
}
