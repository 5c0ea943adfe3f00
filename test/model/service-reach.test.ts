import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallCount, ServiceReach } from '../../model/service-reach.ts';

/** A request: the service that it is of, and the requests it causes. */
interface Request {
  readonly service: string;
  readonly calls: readonly Request[];
}

const services = (request: Request): Set<string> =>
  new Set([request.service, ...request.calls.flatMap((call) => [...services(call)])]);

/** What statistics would say of requests from outside. */
function count(roots: readonly Request[]): ServiceReach {
  const served = new Map<string, number>();
  const edges = new Map<string, CallCount>();
  const visit = ({ service, calls }: Request) => {
    served.set(service, (served.get(service) ?? 0) + 1);
    for (const call of calls) {
      const key = `${service} ${call.service}`;
      edges.set(key, { parent: service, child: call.service, calls: (edges.get(key)?.calls ?? 0) + 1 });
      visit(call);
    }
  };
  roots.forEach(visit);
  return new ServiceReach(served, [...edges.values()]);
}

/** A tree of services in which each calls the next ones at most once, in some requests: `0` calls `01` and `02`, and so on. */
const arbitraryRequest = (service: string, depth: number): fc.Arbitrary<Request> =>
  depth === 0
    ? fc.constant({ service, calls: [] })
    : fc
        .tuple(...[1, 2].map((n) => fc.option(arbitraryRequest(`${service}${n}`, depth - 1))))
        .map((calls) => ({ service, calls: calls.filter((call) => call !== null) }));

describe('of requests that go along a tree of services', () => {
  it('each one’s criticality is the brute-force share of traces that have it', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRequest('0', 3), { minLength: 1, maxLength: 30 }), (roots) => {
        const reach = count(roots);
        expect(reach.entriesOf('0')).toBe(roots.length);
        for (const service of new Set(roots.flatMap((root) => [...services(root)]))) {
          const wanted = roots.filter((root) => services(root).has(service)).length / roots.length;
          expect(reach.criticalityOf(service)).toBeCloseTo(wanted, 9);
        }
      }),
    );
  });
});

describe('of services that always call the same ones', () => {
  it('a service reaches all that it calls, by whatever way, and nothing else', () => {
    const arbitraryEdges = fc.uniqueArray(fc.tuple(fc.nat(5), fc.nat(5)), {
      selector: ([a, b]) => `${a} ${b}`,
      maxLength: 12,
    });
    fc.assert(
      fc.property(arbitraryEdges, (pairs) => {
        // Calls go to higher numbers only: there is an end to each request.
        const edges = pairs.filter(([a, b]) => a < b);
        const request = (service: number): Request => ({
          service: String(service),
          calls: edges.filter(([a]) => a === service).map(([, b]) => request(b)),
        });
        const roots = [0, 1, 2, 3, 4, 5].map(request);
        const reach = count(roots);
        for (const { service: target } of roots) {
          const wanted = roots.filter((root) => services(root).has(target)).map(({ service }) => service);
          const found = reach.reachOf(target);
          expect([...found.keys()].sort()).toEqual(wanted);
          for (const share of found.values()) expect(share).toBeCloseTo(1, 9);
        }
      }),
    );
  });
});

it('a page that serves nothing begins a request with each call', () => {
  const reach = new ServiceReach(new Map([['api', 150]]), [
    { parent: 'page', child: 'api', calls: 100 },
    { parent: 'api', child: 'db', calls: 75 },
  ]);
  expect([reach.entriesOf('page'), reach.entriesOf('api'), reach.entriesOf('db')]).toEqual([100, 50, 0]);
  expect(reach.reachOf('db')).toEqual(
    new Map([
      ['db', 1],
      ['api', 0.5],
      ['page', 0.5],
    ]),
  );
  expect(reach.criticalityOf('api')).toBe(1);
  expect(reach.criticalityOf('db')).toBe(0.5);
});

it('services that call each other in a circle come to an end', () => {
  const reach = new ServiceReach(
    new Map([
      ['a', 200],
      ['b', 150],
      ['c', 50],
    ]),
    [
      { parent: 'a', child: 'b', calls: 150 },
      { parent: 'b', child: 'a', calls: 100 },
      { parent: 'b', child: 'c', calls: 50 },
    ],
  );
  const shares = reach.reachOf('c');
  // a = 3/4 b; b = 1 - (1 - 2/3 a)(1 - 1/3).
  const [a, b] = [shares.get('a')!, shares.get('b')!];
  expect(a).toBeCloseTo(0.75 * b, 6);
  expect(b).toBeCloseTo(1 - (1 - (2 / 3) * a) * (2 / 3), 6);
});

it('where nothing was called nothing is critical', () => {
  expect(new ServiceReach(new Map(), []).criticalityOf('a')).toBe(0);
});
