import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Span } from '../../../client/api/span.ts';
import { always, never } from '../../../client/sampling/always.ts';
import { errorsAndSlow } from '../../../client/sampling/errors-and-slow.ts';
import { headSampling } from '../../../client/sampling/head-sampling.ts';
import { parentBased } from '../../../client/sampling/parent-based.ts';
import { perRoute } from '../../../client/sampling/per-route.ts';
import { probability } from '../../../client/sampling/probability.ts';
import { rateLimit } from '../../../client/sampling/rate-limit.ts';
import { recordUnsampled } from '../../../client/sampling/record-unsampled.ts';
import type { SampledSpan, Sampler, UndecidedSpan } from '../../../client/sampling/sampler.ts';
import { thresholdToProbability } from '../../../model/sampling.ts';
import { parseOtStateText } from '../../../model/tracestate.ts';
import { Recording, remote } from './recording.ts';

/** How many traces a span says it stands for. */
function weightOf({ traceState }: Span): number {
  const { hasThreshold, thresholdHigh, thresholdLow } = parseOtStateText(traceState);
  return hasThreshold ? 1 / thresholdToProbability(thresholdHigh, thresholdLow) : 1;
}

/** Five standard deviations of a binomial's share. */
const tolerance = (p: number, count: number) => 5 * Math.sqrt((p * (1 - p)) / count);

const TRACES = 20_000;

/** What a rate limit goes by: each time it looks, more of it has gone. */
let clockMs = 0;

function begin(recording: Recording, name = 'root'): Span {
  return recording.tracer.startSpan(name, { parent: null });
}

describe('probability', () => {
  it.each([0, 0.01, 0.25, 0.5, 1])('samples the share %f, and weighs it', (p) => {
    const recording = new Recording(probability(p));
    for (let i = 0; i < TRACES; i++) begin(recording).end();
    const { ended, dropped } = recording;
    expect(ended.length + dropped.length).toBe(TRACES);
    expect(Math.abs(ended.length / TRACES - p)).toBeLessThanOrEqual(tolerance(p, TRACES));
    for (const span of ended) expect(weightOf(span) * p).toBeCloseTo(1, 9);
    for (const { flags } of dropped) expect(flags).toBe(2);
  });

  it.each([
    [-1, 0],
    [Number.NaN, 0],
    [2, 1],
  ])('of %f is that of %f', (wrong, right) => {
    const recording = new Recording(probability(wrong));
    for (let i = 0; i < 20; i++) begin(recording).end();
    expect(recording.ended.length).toBe(20 * right);
    for (const { traceState } of recording.ended) expect(traceState).toBe('ot=th:0');
  });

  it.each([0, 0.01, 1 / 3, 1])('at a parent is what sampleRate %f does', (p) => {
    const recording = new Recording(headSampling(p));
    const { onStart } = probability(p);
    for (let i = 0; i < 2_000; i++) {
      const caller = i % 5 === 0 ? remote(i % 2, 'ot=th:4') : null;
      const root = recording.tracer.startSpan('root', { parent: caller });
      const child = recording.tracer.startSpan('child', { parent: root });
      const alike = { trace: { ...root.trace, flags: 3, traceState: '' } } as SampledSpan;
      const { decision, traceState } = caller
        ? { decision: caller.flags ? 'record_and_sample' : 'drop', traceState: caller.traceState }
        : onStart(alike)!;
      for (const span of [child, root]) {
        span.end();
        expect(span.isDropped).toBe(decision === 'drop');
        if (!span.isDropped) expect([span.flags & 1, span.traceState]).toEqual([1, traceState]);
      }
    }
    expect(recording.ended.length + recording.dropped.length).toBe(4_000);
  });

  it('samples at every higher probability what it samples at a lower one', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b) => {
        const [low, high] = [new Recording(probability(Math.min(a, b))), new Recording(probability(Math.max(a, b)))];
        for (let i = 0; i < 20; i++) {
          const traceId = Array.from({ length: 16 }, () =>
            Math.floor(Math.random() * 256)
              .toString(16)
              .padStart(2, '0'),
          ).join('');
          const parent = { ...remote(1), traceId };
          const [inLow, inHigh] = [low, high].map(({ tracer }) => !tracer.startSpan('s', { parent }).isDropped);
          expect(inLow && !inHigh).toBe(false);
        }
      }),
    );
  });

  it('goes by the randomness of the tracestate where there is one, and leaves the rest of it', () => {
    const recording = new Recording(probability(0.5));
    const start = (traceState: string) => recording.tracer.startSpan('s', { parent: remote(1, traceState) });
    expect(start('ot=rv:7fffffffffffff').isDropped).toBe(true);
    expect(start('ot=rv:80000000000000').traceState).toBe('ot=th:8;rv:80000000000000');
    expect(start('a=1, ot=th:4;rv:ffffffffffffff;x:y ,b=2').traceState).toBe('ot=th:8;rv:ffffffffffffff;x:y ,a=1,b=2');
  });
});

it('samples down to the last of the 48 bits of the threshold that it tells', () => {
  const { start } = headSampling(0.1);
  for (const [words, isSampled] of [
    [[0, 0, 0x00e66666, 0x666665ff], false],
    [[0, 0, 0x7fe66666, 0x66666600], true],
    [[0, 0, 0x00e66667, 0], true],
    [[0, 0, 0x00e66665, -1], false],
  ] as const) {
    let found: boolean | null = null;
    const trace = { words, flags: 3, traceState: '', segmentUs: 0 };
    const hand = () => {
      found = true;
    };
    const drop = () => {
      found = false;
    };
    const span = { isRoot: true, trace, hand, drop };
    start(span as unknown as UndecidedSpan);
    expect([found, span.trace.traceState]).toEqual([isSampled, isSampled ? 'ot=th:e66666666666' : '']);
  }
});

describe('parentBased', () => {
  const neverAsked: Sampler = {
    onStart() {
      throw new Error('not to be asked');
    },
  };

  it('goes by a parent elsewhere', () => {
    const recording = new Recording(parentBased(neverAsked));
    const sampled = recording.tracer.startSpan('sampled', { parent: remote(1, 'ot=th:c') });
    recording.tracer.startSpan('child', { parent: sampled }).end();
    sampled.end();
    recording.tracer.startSpan('unsampled', { parent: remote(0) }).end();
    expect([recording.sent, recording.ended.map(weightOf)]).toEqual([
      ['child+', 'sampled+'],
      [4, 4],
    ]);
    expect(recording.dropped.length).toBe(1);
  });

  it.each([
    ['probability', parentBased(probability(0.5))],
    ['perRoute', parentBased(perRoute([{ name: 'r1', probability: 0.9 }], 0.2))],
    ['rateLimit', parentBased(rateLimit(5, always, () => (clockMs += 100)))],
    ['recordUnsampled', parentBased(recordUnsampled(probability(0.5)))],
  ])('has all spans of a trace agree, with %s', (_, sampler) => {
    const recording = new Recording(sampler);
    for (let i = 0; i < 500; i++) {
      recording.timeUs += 100_000;
      const root = begin(recording, `r${i % 2}`);
      const child = recording.tracer.startSpan('child', { parent: root });
      const grandchild = recording.tracer.startSpan('grandchild', { parent: child });
      grandchild.end();
      child.end();
      root.end();
      const all = [root, child, grandchild];
      expect(new Set(all.map(({ isDropped }) => isDropped)).size).toBe(1);
      expect(new Set(all.map(({ flags, traceState }) => `${flags} ${traceState}`)).size).toBe(1);
    }
    expect(recording.ended.length).toBeGreaterThan(100);
  });
});

describe('perRoute', () => {
  const routes = [
    { name: 'GET /checkout', probability: 1 },
    { name: 'GET /health*', probability: 0 },
  ];

  it('takes the first route that has the name, else the last probability', () => {
    const recording = new Recording(perRoute(routes, 0.25));
    const names = ['GET /checkout', 'GET /health', 'GET /health/deep', 'GET /other'];
    for (let i = 0; i < TRACES; i++) begin(recording, names[i % 4]).end();
    const counts = names.map((name) => recording.ended.filter((span) => span.name === name).length);
    expect(counts.slice(0, 3)).toEqual([TRACES / 4, 0, 0]);
    expect(Math.abs(counts[3]! / (TRACES / 4) - 0.25)).toBeLessThan(tolerance(0.25, TRACES / 4));
  });

  it('decides by the name a span has in the end, whatever it began with', () => {
    const recording = new Recording(parentBased(perRoute(routes, 0)));
    const root = begin(recording, 'GET');
    const before = recording.tracer.startSpan('before', { parent: root });
    root.updateName('GET /checkout');
    recording.tracer.startSpan('after', { parent: root }).end();
    before.end();
    root.end();
    expect(recording.sent).toEqual(['after+', 'before+', 'GET /checkout+']);
    const other = begin(recording, 'GET /checkout');
    expect(other.context.flags & 1).toBe(1);
    other.updateName('GET /health').end();
    expect([other.isDropped, other.context]).toMatchObject([true, { flags: 2, traceState: '' }]);
  });
});

describe('rateLimit', () => {
  it('samples so many a second on the long run, and saves no more than one second', () => {
    let nowMs = 0;
    const recording = new Recording(rateLimit(10, always, () => nowMs));
    for (let i = 0; i < 1_000; i++) {
      nowMs += 10;
      begin(recording).end();
    }
    // Ten seconds, and what was saved at the start.
    expect(recording.ended.length).toBeGreaterThanOrEqual(108);
    expect(recording.ended.length).toBeLessThanOrEqual(110);
    nowMs += 3_600_000;
    for (let i = 0; i < 100; i++) begin(recording).end();
    expect(recording.dropped.length + recording.ended.length).toBe(1_100);
    expect(recording.ended.length).toBeLessThanOrEqual(120);
  });

  it('goes on where the clock that spans start by is set, or somebody says that they start at another time', () => {
    let nowMs = 0;
    const recording = new Recording(rateLimit(10, always, () => nowMs));
    recording.tracer.startSpan('of another time', { parent: null, startUs: 1e15 }).end();
    recording.timeUs = 0;
    for (let i = 0; i < 1_000; i++) {
      nowMs += 10;
      begin(recording).end();
    }
    expect(recording.ended.length).toBeGreaterThanOrEqual(108);
  });

  it('of none a second samples none', () => {
    const recording = new Recording(rateLimit(0));
    begin(recording).end();
    expect(recording.ended).toEqual([]);
  });

  it('says of nothing that it stands for others', () => {
    const recording = new Recording(rateLimit(1_000, probability(0.5)));
    for (let i = 0; i < 100; i++) begin(recording).end();
    expect(new Set(recording.ended.map(({ traceState }) => traceState))).toEqual(new Set(['']));
  });
});

describe('errorsAndSlow', () => {
  it('samples errors and what is slow with all that ends after them, and weighs every span rightly', () => {
    const p = 0.2;
    const recording = new Recording(errorsAndSlow(parentBased(probability(p)), 500));
    const kinds = ['plain', 'error', 'slow'] as const;
    for (let i = 0; i < TRACES; i++) {
      const kind = kinds[i % 3]!;
      const root = begin(recording, `${kind} root`);
      recording.tracer.startSpan(`${kind} before`, { parent: root }).end();
      const child = recording.tracer.startSpan(`${kind} child`, { parent: root });
      if (kind === 'slow') recording.timeUs += 500_000;
      if (kind === 'error') child.setStatus('error');
      child.end();
      recording.tracer.startSpan(`${kind} after`, { parent: root }).end();
      root.end();
      recording.timeUs += 1;
    }
    const sum = (name: string) =>
      recording.ended.reduce((total, span) => total + (span.name === name ? weightOf(span) : 0), 0);
    const each = Math.floor(TRACES / 3);
    for (const kind of kinds) {
      for (const part of ['root', 'before', 'child', 'after']) {
        const isCertain = kind !== 'plain' && part !== 'before';
        const total = sum(`${kind} ${part}`);
        expect(Math.abs(total / each - 1), `${kind} ${part}`).toBeLessThanOrEqual(
          isCertain ? 0.001 : tolerance(p, each) / p,
        );
      }
    }
  });

  it('works with what decides late, and has requests after an error sampled', () => {
    const sampler = errorsAndSlow(parentBased(perRoute([{ name: 'good', probability: 1 }], 0)));
    const recording = new Recording(sampler);
    const named = begin(recording, 'GET');
    named.updateName('good').end();
    const plain = begin(recording, 'GET');
    plain.end();
    const failing = begin(recording, 'GET');
    expect(failing.context.flags & 1).toBe(0);
    failing.setStatus('error');
    const request = recording.tracer.startSpan('report', { parent: failing });
    expect(request.context).toMatchObject({ flags: 3, traceState: 'ot=th:0' });
    request.end();
    failing.end();
    expect(recording.sent).toEqual(['good+', 'report+', 'GET+']);
    expect(recording.dropped).toEqual([plain]);
  });
});

describe('recordUnsampled', () => {
  it('records everything, and marks what is not sampled', () => {
    const recording = new Recording(recordUnsampled(parentBased(perRoute([{ name: 'a', probability: 1 }], 0))));
    for (const name of ['a', 'b']) {
      const root = begin(recording, name);
      recording.tracer.startSpan(`child of ${name}`, { parent: root }).end();
      root.end();
    }
    expect(recording.sent).toEqual(['child of a+', 'a+', 'child of b', 'b']);
    expect(recordUnsampled(always).keepsUnsampled).toBe(true);
    expect(parentBased(recordUnsampled(never)).keepsUnsampled).toBe(true);
  });
});

it('always and never do', () => {
  const [all, none] = [new Recording(always), new Recording(never)];
  for (const recording of [all, none]) begin(recording).end();
  expect([all.sent, none.sent]).toEqual([['root+'], []]);
});
