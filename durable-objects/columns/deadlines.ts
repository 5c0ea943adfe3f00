/**
 * When each trace is to be looked at: a timer wheel. A trace has one deadline at most; setting, moving and taking it
 * are constant time, however many there are. What lies beyond the wheel is looked at when the wheel has come round.
 */

import { grown } from './grown.ts';

export const TICK_MS = 100;
const TICKS = 1024;

/** What one trace takes in memory. */
export const DEADLINE_ROW_BYTES = 12;

export class Deadlines {
  private readonly heads = new Int32Array(TICKS).fill(-1);
  private next = new Int32Array(1024);
  private previous = new Int32Array(1024);
  /** Where a trace is in the wheel, as slot + 1; 0 when it has no deadline. */
  private slot = new Int32Array(1024);
  /** All ticks before this one are over. */
  private tick: number;

  constructor(nowMs: number) {
    this.tick = Math.floor(nowMs / TICK_MS);
  }

  /** Sets or moves the deadline of `trace` to `atMs`, rounded up to a tick. */
  set(trace: number, atMs: number): void {
    if (trace >= this.slot.length) this.grow(trace);
    this.clear(trace);
    const tick = Math.min(Math.max(Math.ceil(atMs / TICK_MS), this.tick), this.tick + TICKS - 1);
    const slot = tick % TICKS;
    const head = this.heads[slot]!;
    this.next[trace] = head;
    this.previous[trace] = -1;
    if (head !== -1) this.previous[head] = trace;
    this.heads[slot] = trace;
    this.slot[trace] = slot + 1;
  }

  /** Sets the deadline of `trace` to `atMs`, unless it is as early already. */
  hasten(trace: number, atMs: number): void {
    const slot = trace < this.slot.length ? this.slot[trace]! - 1 : -1;
    // How far ahead it lies, once round the wheel at the most.
    const ticks = (slot - (this.tick % TICKS) + TICKS) % TICKS;
    if (slot === -1 || (this.tick + ticks) * TICK_MS > atMs) this.set(trace, atMs);
  }

  clear(trace: number): void {
    if (trace >= this.slot.length) return;
    const slot = this.slot[trace]! - 1;
    if (slot === -1) return;
    const previous = this.previous[trace]!;
    const next = this.next[trace]!;
    if (previous === -1) this.heads[slot] = next;
    else this.next[previous] = next;
    if (next !== -1) this.previous[next] = previous;
    this.slot[trace] = 0;
  }

  /** Takes up to `max` traces whose time has come and appends them to `taken`. */
  takeDue(nowMs: number, max: number, taken: number[]): void {
    // To the end of the tick that is running: who is early is set again.
    const last = Math.ceil(nowMs / TICK_MS);
    // After a long sleep one round meets every slot.
    if (last - this.tick >= TICKS) this.tick = last - TICKS + 1;
    for (;;) {
      const slot = this.tick % TICKS;
      for (let trace = this.heads[slot]!; trace !== -1; trace = this.heads[slot]!) {
        if (taken.length >= max) return;
        this.clear(trace);
        taken.push(trace);
      }
      if (this.tick >= last) return;
      this.tick++;
    }
  }

  /** The earliest deadline in milliseconds since the epoch, to a tick; null when there is none. */
  earliestMs(): number | null {
    for (let tick = this.tick; tick < this.tick + TICKS; tick++) {
      if (this.heads[tick % TICKS] !== -1) return tick * TICK_MS;
    }
    return null;
  }

  private grow(trace: number): void {
    const length = Math.max(trace + 1, this.slot.length * 2);
    this.next = grown(this.next, length);
    this.previous = grown(this.previous, length);
    this.slot = grown(this.slot, length);
  }
}
