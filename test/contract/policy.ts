import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { MAX_REMEMBERED_OPERATIONS } from '../../durable-objects/policies/bounds.ts';
import { isCondition } from '../../durable-objects/policies/conditions.ts';
import type { AnyOptions, Policy } from '../../durable-objects/policies/policy.ts';
import { policyMaker, policySchema } from '../../durable-objects/policies/registry.ts';
import type { TraceView } from '../../durable-objects/trace-view.ts';
import { DECISION_REASONS } from '../../model/reasons.ts';
import { makeView, randomTrace, VIEW_START_MS, type ViewSpan } from '../durable-objects/policies/view.ts';
import { seededRandom } from '../kit/random.ts';

/** Options of any policy, before they were checked. */
export interface CaseOptions extends AnyOptions {
  readonly [option: string]: unknown;
}

export interface PolicyCase {
  /** Options it takes; the contract holds for each of them. */
  readonly good: readonly CaseOptions[];
  /** Options it refuses, and the path that the message must name. */
  readonly bad: readonly (readonly [options: object, path: string])[];
}

const DAY_MS = 86_400_000;
const ODD_TIMES = [VIEW_START_MS, VIEW_START_MS + 10 * 365 * DAY_MS, VIEW_START_MS - DAY_MS, 0, -1, Number.NaN, 1e300];
const ODD_HEADS = [1, 0.5, 2 ** -56, 0, -1, 2, Number.NaN, Number.POSITIVE_INFINITY];

/** What every policy must do. */
export function policyContract(type: string, { good, bad }: PolicyCase): void {
  describe(`${type} policy`, () => {
    test.each(good.map((options) => [JSON.stringify(options), options] as const))('%s', (_, options) => {
      // The same as JSON and after another parse: what is stored of a configuration is what is in force.
      const parsed = v.parse(policySchema, options);
      expect(v.parse(policySchema, JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);

      const random = seededRandom(7);
      const [one, other] = [make(parsed), make(parsed)];
      let verdicts = 0;
      let nowMs = VIEW_START_MS;
      for (let i = 0; i < 3_000; i++) {
        nowMs += random() < 0.01 ? (random() - 0.5) * 200_000 : random() * 20;
        const view = randomView(random);
        const verdict = ask(one, view, nowMs);
        if (JSON.stringify(ask(other, view, nowMs)) !== JSON.stringify(verdict)) expect.fail(`differs at ${i}`);
        if (verdict) verdicts++;
        if (verdict && !verdict.keep && isCondition(parsed)) expect.fail('a condition drops nothing');
      }
      expect(verdicts).toBeGreaterThan(0);

      for (const view of oddViews()) for (const nowMs of ODD_TIMES) ask(one, view, nowMs);
      // Odd times have not spoilt it for good ones: it still answers as one that has seen nothing odd could.
      for (let i = 0; i < 100; i++) ask(one, randomView(random), VIEW_START_MS + i);
    });

    test('what it remembers is bounded', () => {
      for (const options of good) {
        let nowMs = VIEW_START_MS;
        const largest = largestCollection(() => {
          const policy = make(v.parse(policySchema, options));
          for (const view of keyViews(100_000)) ask(policy, view, nowMs++);
        });
        expect(largest).toBeLessThanOrEqual(MAX_REMEMBERED_OPERATIONS);
      }
    });

    test.each(bad.map(([options, path]) => [JSON.stringify(options).slice(0, 100), options, path] as const))(
      'refuses %s',
      (_, options, path) => {
        const document = JSON.stringify({ rules: [{ type, ...options }] });
        const at = path === '' ? 'rules.0' : `rules.0.${path}`;
        expect(() => parseConfig(document)).toThrow(`${at}: `);
      },
    );

    test('refuses options it does not know', () => {
      const document = JSON.stringify({ rules: [{ ...good[0], other: 1 }] });
      expect(() => parseConfig(document)).toThrow('rules.0.other: ');
    });
  });
}

function make(options: AnyOptions): Policy {
  return policyMaker(4, { services: ['payments'], operations: ['POST /checkout'] })(options);
}

/** Asks and tells, and checks what is true of any verdict. */
function ask(policy: Policy, view: TraceView, nowMs: number) {
  const verdict = policy.judge(view, nowMs);
  policy.observe?.(view, nowMs, verdict?.keep ?? false);
  if (verdict) {
    // Plain checks: a hundred thousand calls of `expect` take longer than everything else.
    if (!DECISION_REASONS.includes(verdict.reason)) throw new Error(`unknown reason ${verdict.reason}`);
    if (!(Number.isFinite(verdict.rate) && verdict.rate >= 1)) throw new Error(`rate ${verdict.rate}`);
    if (typeof verdict.keep !== 'boolean') throw new Error(`keep ${verdict.keep}`);
  }
  return verdict;
}

/** Traces of which some match any sensible rule. */
function randomView(random: () => number): TraceView {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const spans = Array.from(
    { length: 1 + Math.floor(random() * 4) },
    (): ViewSpan => ({
      service: pick(['shop', 'orders', 'payments']),
      name: pick(['GET /', 'GET /health', 'POST /checkout']),
      status: pick(['unset', 'unset', 'ok', 'error'] as const),
      durationUs: random() < 0.01 ? 30_000_000 : pick([0, 900, 5_000, 2_000_000, null]),
      attributes: {
        'http.route': pick(['/', '/health']),
        'http.status_code': pick([200, 404, 503]),
        beta: random() < 0.5,
      },
      ...(random() < 0.5 ? { traceFlags: 1 } : {}),
      ...(random() < 0.5 ? { traceState: `tier=${pick(['gold', 'free'])},ot=th:8` } : {}),
    }),
  );
  return makeView({ ...randomTrace(random), headProbability: pick([1, 1, 0.25]), spans });
}

function oddViews(): TraceView[] {
  const long = 'n'.repeat(100_000);
  const shapes: ViewSpan[][] = [
    [{ durationUs: null }],
    [{ durationUs: 0 }],
    [{ parent: 0 }],
    [{ parent: 7, durationUs: null, status: 'error' }],
    [
      { service: '', name: '' },
      { service: long, name: long, attributes: { [long]: long, 'http.route': long } },
    ],
    [
      {
        attributes: JSON.parse(
          '{"__proto__": "x", "http.route": null, "http.status_code": {"bytes": ""}, "beta": [[]]}',
        ),
      },
    ],
    [{ traceState: ',=,;ot=th:;;rv:zz,tier', traceFlags: 255 }],
    Array.from({ length: 32_000 }, (_, i) => ({ parent: i - 1, service: `s${i % 50}`, name: `n${i % 3_000}` })),
  ];
  const views = shapes.flatMap((spans) => [makeView({ spans }), makeView({ spans, rootEnded: false })]);
  views.push(...ODD_HEADS.map((headProbability) => makeView({ headProbability })));
  // What the log no longer has cannot be decoded.
  views.push({ ...makeView({ spans: [{ status: 'error' }] }), decoded: () => [] });
  return views;
}

/** Traces that are unlike each other in every way a rule may tell traces apart. A view is good until the next one, as in a shard. */
function* keyViews(count: number): Iterable<TraceView> {
  const template = makeView({ spans: [{}, { parent: 0 }] });
  const spans = template.decoded();
  for (let n = 0; n < count; n++) {
    yield {
      ...template,
      operation: (i) => 2 * n + i,
      service: (i) => `service-${2 * n + i}`,
      name: (i) => `name-${2 * n + i}`,
      decoded: () => spans.map((span) => ({ ...span, attributes: { 'http.route': `/${n}` } })),
    };
  }
}

/** The most entries that any one collection made while `work` ran has had. */
function largestCollection(work: () => void): number {
  let largest = 0;
  const { Map: PlainMap, Set: PlainSet } = globalThis;
  globalThis.Map = class<K, V> extends PlainMap<K, V> {
    override set(key: K, value: V): this {
      super.set(key, value);
      largest = Math.max(largest, this.size);
      return this;
    }
  } as MapConstructor;
  globalThis.Set = class<T> extends PlainSet<T> {
    override add(value: T): this {
      super.add(value);
      largest = Math.max(largest, this.size);
      return this;
    }
  } as SetConstructor;
  try {
    work();
  } finally {
    globalThis.Map = PlainMap;
    globalThis.Set = PlainSet;
  }
  return largest;
}
