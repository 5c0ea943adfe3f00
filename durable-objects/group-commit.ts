/**
 * Group commit: while one commit is on its way to disk, everything else that wants to be durable waits together and
 * becomes the next one. A lone append is written at once; under load, many appends share a row and a sync.
 */

export class GroupCommit<T> {
  private readonly write: (items: readonly T[]) => void;
  private readonly sync: () => Promise<void>;
  private waiting: T[] = [];
  /** Bytes that wait for the next commit. */
  waitingBytes = 0;
  /** Resolves when what waits now is durable. */
  private next: Promise<void> | null = null;
  private inFlight: Promise<void> | null = null;

  constructor(write: (items: readonly T[]) => void, sync: () => Promise<void>) {
    this.write = write;
    this.sync = sync;
  }

  /** Resolves when the items, of so many bytes, are durable. */
  commit(items: readonly T[], bytes: number): Promise<void> {
    for (const item of items) this.waiting.push(item);
    this.waitingBytes += bytes;
    if (this.next) return this.next;
    if (!this.inFlight) return this.start();
    const start = () => this.start();
    // What failed before says nothing about what waits now.
    this.next = this.inFlight.then(start, start);
    return this.next;
  }

  private start(): Promise<void> {
    const items = this.waiting;
    this.waiting = [];
    this.waitingBytes = 0;
    this.next = null;
    const commit = this.flush(items).finally(() => {
      if (this.inFlight === commit) this.inFlight = null;
    });
    this.inFlight = commit;
    return commit;
  }

  private async flush(items: readonly T[]): Promise<void> {
    this.write(items);
    await this.sync();
  }
}
