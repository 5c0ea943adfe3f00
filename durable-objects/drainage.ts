/** Whether a shard has anything left of traces that belong to other shards by now. */

import type { Journal } from './journal.ts';
import type { TraceWords } from './trace-words.ts';

export class Drainage {
  private readonly journal: Journal;
  private readonly isMoved: (id: TraceWords) => boolean;
  /** When there last was any, as far as is known. */
  private movedMs: number;
  /** Version of the table under which nothing is left. */
  private drainedVersion = 0;

  constructor(journal: Journal, isMoved: (id: TraceWords) => boolean, nowMs: number) {
    this.journal = journal;
    this.isMoved = isMoved;
    this.movedMs = nowMs;
  }

  /** To be called when there is another table. */
  changed(nowMs: number): void {
    this.movedMs = nowMs;
  }

  /** Traces in memory that belong to other shards. */
  countMoved(): number {
    const { live } = this.journal;
    let count = 0;
    for (const trace of live.all()) if (this.isMoved(live.words(trace))) count++;
    return count;
  }

  /** True once nothing is left under this version of the table: then nothing of that comes in any more either. */
  look(version: number, nowMs: number): boolean {
    if (this.drainedVersion === version) return true;
    if (this.countMoved() > 0) this.movedMs = nowMs;
    // Seldom, because it reads all of the log's decisions.
    else if (this.journal.isClearOf(this.movedMs)) {
      if (this.remembersMoved()) this.movedMs = nowMs;
      else this.drainedVersion = version;
    }
    return this.drainedVersion === version;
  }

  /** There is a decision in the log about a trace that belongs to another shard. */
  private remembersMoved(): boolean {
    let isFound = false;
    this.journal.decided.forEachId((...id) => {
      isFound ||= this.isMoved(id);
    });
    return isFound;
  }
}
