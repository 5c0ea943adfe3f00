/**
 * Group commit: while one commit is on its way to disk, everything else that wants to be durable waits together and
 * becomes the next one. A lone append is written at once; under load, many appends share a row and a sync.
 */
export class GroupCommit {
  private readonly write: (records: readonly Uint8Array[]) => void;
  private readonly sync: () => Promise<void>;
  private waiting: Uint8Array[] = [];
  /** Bytes that wait for the next commit. */
  waitingBytes = 0;
  /** Resolves when what waits now is durable. */
  private next: Promise<void> | null = null;
  private inFlight: Promise<void> | null = null;

  constructor(write: (records: readonly Uint8Array[]) => void, sync: () => Promise<void>) {
    this.write = write;
    this.sync = sync;
  }

  /** Resolves when the records are durable. */
  commit(records: readonly Uint8Array[]): Promise<void> {
    this.waiting.push(...records);
    for (const record of records) this.waitingBytes += record.length;
    if (this.next) return this.next;
    if (!this.inFlight) return this.start();
    const start = () => this.start();
    // What failed before says nothing about what waits now.
    this.next = this.inFlight.then(start, start);
    return this.next;
  }

  private start(): Promise<void> {
    const records = this.waiting;
    this.waiting = [];
    this.waitingBytes = 0;
    this.next = null;
    const commit = this.flush(records).finally(() => {
      if (this.inFlight === commit) this.inFlight = null;
    });
    this.inFlight = commit;
    return commit;
  }

  private async flush(records: readonly Uint8Array[]): Promise<void> {
    this.write(records);
    await this.sync();
  }
}
