/**
 * Long work in short steps, so that appends get their turn in between. A clock does not move while a shard computes, so a step is
 * measured by what is looked at: the caller says about how many nanoseconds that takes.
 */

/** What one step may take, and all of them. */
export const STEP_COST = 3_000_000;
const MAX_COST = 2_000_000_000;

export interface StepsDeps {
  /** Comes back when others have had their turn. */
  readonly turn: () => Promise<void>;
  /** Asked between steps: the time is up, whatever there is left to do. */
  readonly isLate: () => boolean;
}

export class Steps {
  private readonly deps: StepsDeps;
  private readonly maxCost: number;
  private stepCost = 0;
  private cost = 0;
  /** There is no more to be spent. */
  isOver = false;
  count = 1;
  /** Of the step that took most. */
  largestCost = 0;

  constructor(deps: StepsDeps, maxCost = MAX_COST) {
    this.deps = deps;
    this.maxCost = maxCost;
  }

  spend(cost: number): void {
    this.stepCost += cost;
    this.cost += cost;
    this.largestCost = Math.max(this.largestCost, this.stepCost);
    if (this.cost >= this.maxCost) this.isOver = true;
  }

  /** To be followed by `next`, before more is looked at. */
  get isDue(): boolean {
    return this.stepCost >= STEP_COST;
  }

  async next(): Promise<void> {
    this.stepCost = 0;
    this.count++;
    await this.deps.turn();
    if (this.deps.isLate()) this.isOver = true;
  }
}

/** Sorts in place, in steps; `cost` of comparing two. */
export async function sortInSteps<T>(
  items: T[],
  compare: (a: T, b: T) => number,
  steps: Steps,
  cost: number,
): Promise<void> {
  const run = 512;
  for (let start = 0; start < items.length; start += run) {
    const sorted = items.slice(start, start + run).sort(compare);
    for (let i = 0; i < sorted.length; i++) items[start + i] = sorted[i]!;
    steps.spend(sorted.length * 9 * cost);
    if (steps.isDue) await steps.next();
  }
  let [from, to] = [items, new Array<T>(items.length)];
  for (let width = run; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const middle = Math.min(start + width, items.length);
      const end = Math.min(middle + width, items.length);
      let [left, right] = [start, middle];
      for (let at = start; at < end; at++) {
        const takesLeft = right >= end || (left < middle && compare(from[left]!, from[right]!) <= 0);
        to[at] = from[takesLeft ? left++ : right++]!;
        if (at % run !== 0) continue;
        steps.spend(run * cost);
        if (steps.isDue) await steps.next();
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) for (let i = 0; i < items.length; i++) items[i] = from[i]!;
}
