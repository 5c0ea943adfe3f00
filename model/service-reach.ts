/**
 * How requests spread through services, from counts of calls alone. What a request of one service causes is known on average:
 * so a share is an estimate, which is right where a request calls another service at most once and each such call is made
 * independently of the others, and too high where a few requests make many calls. Cycles are followed until nothing changes.
 */

export interface CallCount {
  readonly parent: string;
  readonly child: string;
  readonly calls: number;
}

/** Rounds after which a cycle's shares are as good as they get. */
const MAX_ROUNDS = 100;
const CLOSE_ENOUGH = 1e-9;

export class ServiceReach {
  /** By service the share of its requests that call another. */
  readonly #shares = new Map<string, Map<string, number>>();
  readonly #entries = new Map<string, number>();

  /** `served`: requests that each service has served, where it serves any. */
  constructor(served: ReadonlyMap<string, number>, edges: readonly CallCount[]) {
    const sums = (of: (edge: CallCount) => string) => {
      const byService = new Map<string, number>();
      for (const edge of edges) byService.set(of(edge), (byService.get(of(edge)) ?? 0) + edge.calls);
      return byService;
    };
    const [callsOut, callsIn] = [sums(({ parent }) => parent), sums(({ child }) => child)];
    for (const service of new Set([...served.keys(), ...callsOut.keys(), ...callsIn.keys()])) {
      const called = callsIn.get(service) ?? 0;
      // Who serves nothing, a page or a job, begins a request with each call.
      const own = served.get(service) ?? (called > 0 ? called : (callsOut.get(service) ?? 0));
      this.#entries.set(service, Math.max(0, own - called));
      this.#shares.set(service, new Map());
    }
    for (const { parent, child, calls } of edges) {
      const requests = this.#entries.get(parent)! + (callsIn.get(parent) ?? 0);
      this.#shares.get(parent)!.set(child, Math.min(1, calls / requests));
    }
  }

  /** Requests that come to a service from no other service. */
  entriesOf(service: string): number {
    return this.#entries.get(service) ?? 0;
  }

  /** By service the share of its requests, above 0 to 1, that reach `target`; 1 for itself. */
  reachOf(target: string): Map<string, number> {
    const reach = new Map([[target, 1]]);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let change = 0;
      for (const [service, shares] of this.#shares) {
        if (service === target) continue;
        let missed = 1;
        for (const [child, share] of shares) missed *= 1 - share * (reach.get(child) ?? 0);
        const share = 1 - missed;
        change = Math.max(change, share - (reach.get(service) ?? 0));
        if (share > 0) reach.set(service, share);
      }
      if (change < CLOSE_ENOUGH) break;
    }
    return reach;
  }

  /** The share of all requests from outside, 0 to 1, that reach a service. */
  criticalityOf(service: string): number {
    const reach = this.reachOf(service);
    let all = 0;
    let reaching = 0;
    for (const [entry, requests] of this.#entries) {
      all += requests;
      reaching += requests * (reach.get(entry) ?? 0);
    }
    return all === 0 ? 0 : reaching / all;
  }
}
