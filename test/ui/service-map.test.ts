import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeChanges, knownChanges } from '../../ui/logic/graph-changes.ts';
import { layoutServiceMap, type MapCall, pathThrough } from '../../ui/logic/service-map.ts';

const call = (parent: string, child: string, part: Partial<MapCall> = {}): MapCall => ({
  parent,
  child,
  calls: 100,
  errors: 0,
  confidence: 'high',
  ...part,
});
const NO_CHANGES = { appeared: [], vanished: [] };

describe('layoutServiceMap', () => {
  it('puts callers left of what they call, or above it', () => {
    const calls = [call('web', 'gateway'), call('gateway', 'cart')];
    const wide = layoutServiceMap([], calls, NO_CHANGES, true);
    const at = (map: typeof wide, name: string) => map.nodes.find(({ service }) => service === name)!;
    expect(at(wide, 'web').x).toBeLessThan(at(wide, 'gateway').x);
    expect(at(wide, 'gateway').x).toBeLessThan(at(wide, 'cart').x);
    const high = layoutServiceMap([], calls, NO_CHANGES, false);
    expect(at(high, 'web').y).toBeLessThan(at(high, 'gateway').y);
  });

  it('makes lines thicker with traffic, and knows what failed', () => {
    const calls = [call('a', 'b', { calls: 10, errors: 5 }), call('a', 'c', { calls: 10_000 })];
    const [few, many] = layoutServiceMap([], calls, NO_CHANGES, true).edges;
    expect(few!.width).toBeLessThan(many!.width);
    expect([few!.errorShare, many!.errorShare]).toEqual([0.5, 0]);
  });

  it('marks calls that are new, and draws those that are gone', () => {
    const changes = { appeared: [call('a', 'b')], vanished: [call('a', 'old')] };
    const { edges, nodes } = layoutServiceMap(['a', 'b', 'c'], [call('a', 'b'), call('a', 'c')], changes, true);
    expect(edges.map(({ call, change }) => [call.child, change])).toEqual([
      ['b', 'appeared'],
      ['c', 'none'],
      ['old', 'vanished'],
    ]);
    expect(nodes.map(({ service }) => service)).toEqual(['a', 'b', 'c', 'old']);
  });

  it('places every service once and inside, whatever calls what, itself and in circles too', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'constructor', '__proto__', '');
    const calls = fc.uniqueArray(fc.tuple(name, name), { selector: String });
    fc.assert(
      fc.property(fc.uniqueArray(name), calls, fc.boolean(), (services, pairs, isWide) => {
        const made = pairs.map(([parent, child]) => call(parent, child));
        const map = layoutServiceMap(services, made, NO_CHANGES, isWide);
        expect(map.nodes.map(({ service }) => service)).toEqual([...new Set([...services, ...pairs.flat()])].sort());
        for (const { x, y } of map.nodes) {
          expect(x > 0 && x < map.width).toBe(true);
          expect(y > 0 && y < map.height).toBe(true);
        }
        expect(map.edges.length).toBe(pairs.filter(([parent, child]) => parent !== child).length);
        for (const { path } of map.edges) expect(path).toMatch(/^M[-\d.]+ [-\d.]+C/);
      }),
      { numRuns: 50 },
    );
  });
});

it('pathThrough goes through every point', () => {
  const points = [
    { x: 0, y: 0 },
    { x: 10, y: 20 },
    { x: 30, y: 20 },
  ];
  expect(pathThrough(points)).toMatch(/^M0 0C.* 10 20C.* 30 20$/);
  expect(pathThrough([])).toBe('');
});

describe('changes', () => {
  const calls = [call('a', 'b'), call('a', 'c')];

  it('are marked and told where there is something to compare with', () => {
    const changes = { appeared: [calls[0]!], vanished: [call('a', 'old')] };
    expect(knownChanges(calls, changes)).toBe(changes);
    expect(describeChanges(calls, changes)).toBe('Against the time before, as long as this one: 1 new, 1 gone.');
    expect(describeChanges(calls, NO_CHANGES)).toBe('The same calls as in the time before.');
  });

  it('are none where nothing was counted before', () => {
    const changes = { appeared: calls, vanished: [] };
    expect(knownChanges(calls, changes)).toEqual(NO_CHANGES);
    expect(describeChanges(calls, changes)).toBe('In the time before no call was counted.');
    expect(knownChanges(calls, { ...changes, vanished: [call('a', 'old')] }).appeared).toBe(calls);
  });
});
