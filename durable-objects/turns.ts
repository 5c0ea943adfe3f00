/** Lets one piece of long work go on at a time, after whatever else has come: however many wait, an append waits for one of them. */
export class Turns {
  private readonly waiting: (() => void)[] = [];
  private readonly later: (work: () => void) => void;

  /** `later` runs something when what has come until now has had its turn. */
  constructor(later: (work: () => void) => void) {
    this.later = later;
  }

  readonly take = (): Promise<void> =>
    new Promise((resolve) => {
      this.waiting.push(resolve);
      if (this.waiting.length === 1) this.later(() => this.give());
    });

  private give(): void {
    this.waiting.shift()!();
    if (this.waiting.length > 0) this.later(() => this.give());
  }
}
