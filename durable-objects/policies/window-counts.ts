import { WindowClock } from './window-clock.ts';

/** How often each key was seen, in this window of time and in the last one, for a bounded number of keys in each. */
export class WindowCounts<TKey> {
  private readonly clock: WindowClock;
  private readonly maxKeys: number;
  private current = new Map<TKey, number>();
  private previous = new Map<TKey, number>();

  constructor(windowMs: number, maxKeys: number) {
    this.clock = new WindowClock(windowMs);
    this.maxKeys = maxKeys;
  }

  /** To be called before the others. */
  advance(nowMs: number): void {
    const turns = this.clock.turn(nowMs);
    if (turns === 0) return;
    this.previous = turns === 1 ? this.current : new Map();
    this.current = new Map();
  }

  /** In this window. Infinite for a key that there is no more room to count. */
  now(key: TKey): number {
    return this.current.get(key) ?? (this.current.size < this.maxKeys ? 0 : Number.POSITIVE_INFINITY);
  }

  /** In this window and the last. */
  lately(key: TKey): number {
    return this.now(key) + (this.previous.get(key) ?? 0);
  }

  add(key: TKey): void {
    const count = this.now(key);
    if (Number.isFinite(count)) this.current.set(key, count + 1);
  }
}
