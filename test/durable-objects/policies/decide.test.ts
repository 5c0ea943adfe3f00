import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../durable-objects/config.ts';
import { createSampler } from '../../../durable-objects/decide.ts';
import { dryRun } from '../../../durable-objects/dry-run.ts';
import { isSampled, probabilityToThreshold } from '../../../model/sampling.ts';
import { seededRandom } from '../../kit/random.ts';
import { makeView, randomTrace, VIEW_START_MS, type ViewOptions } from './view.ts';

const sampler = (document: object = {}) => createSampler(parseConfig(JSON.stringify(document)));
const decide = (document: object, view: ViewOptions = {}) => sampler(document).decide(makeView(view), VIEW_START_MS);

const ERROR: ViewOptions = { spans: [{ status: 'error' }] };
const HEALTH: ViewOptions = { spans: [{ name: 'GET /health', status: 'error' }] };
const isHealth = { type: 'operation', names: ['GET /health'] };

describe('decide', () => {
  it('by default keeps errors, what is slow, and a tenth of the rest', () => {
    const signed = { configVersion: 3, decidedUs: VIEW_START_MS * 1_000 };
    expect(decide({ version: 3 }, ERROR)).toEqual({
      keep: true,
      rate: 1,
      reason: 'error',
      policy: 'error',
      retention: 'cold',
      ...signed,
    });
    expect(decide({ version: 3, retention: { cold: { sample: 0 } } }, { spans: [{ durationUs: 1e6 }] })).toEqual({
      keep: true,
      rate: 1,
      reason: 'slow',
      policy: 'slow',
      retention: 'warm',
      ...signed,
    });
    expect(decide({ version: 3, retention: { cold: { sample: 0 } } })).toEqual({
      keep: true,
      rate: 10,
      reason: 'probability',
      policy: 'probability',
      retention: 'hot',
      ...signed,
    });
    expect(decide({ version: 3 }, { random: [0, 0] })).toEqual({
      keep: false,
      rate: 1,
      reason: 'not_sampled',
      policy: 'probability',
      ...signed,
    });
    expect(decide({ slowMs: 1 }).reason).toBe('slow');
    expect(decide({ probability: 1 }, { random: [0, 0] }).rate).toBe(1);
    expect(decide({ probability: 0 }).keep).toBe(false);
  });

  it('keeps the same traces as every consistent sampler', () => {
    const random = seededRandom(1);
    const { decide } = sampler({ probability: 0.3, retention: { cold: { sample: 0 } } });
    for (let i = 0; i < 2_000; i++) {
      const trace = randomTrace(random);
      const head = [1, 0.5, 0.1][i % 3]!;
      const decision = decide(makeView({ ...trace, headProbability: head }), VIEW_START_MS);
      const least = Math.min(0.3, head);
      expect(decision.keep).toBe(isSampled(...trace.random, probabilityToThreshold(least)));
      if (decision.keep) expect(decision.rate).toBe(1 / least);
    }
  });

  it('the first rule that has a verdict decides', () => {
    const rules = [{ type: 'span_count', min: 2, name: 'large' }, { type: 'always' }, { type: 'error' }];
    expect(decide({ rules }, ERROR)).toMatchObject({ keep: true, policy: 'always', reason: 'always' });
    expect(decide({ rules }, { spans: [{}, {}] })).toMatchObject({ policy: 'large', reason: 'span_count' });
  });

  it('a drop beats every rule, wherever it stands', () => {
    const drop = { type: 'drop', name: 'health', of: isHealth };
    for (const rules of [
      [drop, { type: 'always' }],
      [{ type: 'error' }, { type: 'always' }, drop],
    ]) {
      expect(decide({ rules }, HEALTH)).toEqual({
        keep: false,
        rate: 1,
        reason: 'drop_rule',
        policy: 'health',
        configVersion: 1,
        decidedUs: VIEW_START_MS * 1_000,
      });
      expect(decide({ rules }, ERROR).keep).toBe(true);
    }
  });

  it('what no rule has a verdict on is dropped', () => {
    expect(decide({ rules: [{ type: 'error' }] })).toMatchObject({
      keep: false,
      reason: 'not_sampled',
      policy: 'none',
    });
  });

  it('rules without a name are called by their type and number', () => {
    const rules = [{ type: 'latency', minMs: 5_000 }, { type: 'error' }, { type: 'latency', minMs: 1_000 }];
    expect(decide({ rules }, { spans: [{ durationUs: 2e6 }] }).policy).toBe('latency-2');
  });

  it('a rule learns also from traces that another one decides', () => {
    const { decide } = sampler({ rules: [{ type: 'error' }, { type: 'rare_edge' }] });
    const call = (status: 'error' | 'ok') => makeView({ spans: [{ service: 'a', status }, { service: 'b' }] });
    expect(decide(call('error'), VIEW_START_MS).reason).toBe('error');
    expect(decide(call('ok'), VIEW_START_MS).keep).toBe(false);
  });

  it('a choice inside `and` decides what the conditions match, and only that', () => {
    const rules = [
      { type: 'and', name: 'health', of: [{ type: 'probability', probability: 0 }, isHealth] },
      { type: 'always' },
    ];
    expect(decide({ rules }, HEALTH)).toMatchObject({ keep: false, reason: 'not_sampled', policy: 'health' });
    expect(decide({ rules }).policy).toBe('always');
    const limited = [{ type: 'and', of: [{ type: 'rate_limit', tracesPerSecond: 4 }, { type: 'error' }] }];
    const { decide: decideLimited } = sampler({ shards: 1, rules: limited });
    // Traces that do not match take nothing from the budget.
    for (let i = 0; i < 100; i++) expect(decideLimited(makeView(), VIEW_START_MS).keep).toBe(false);
    const kept = Array.from({ length: 10 }, () => decideLimited(makeView(ERROR), VIEW_START_MS)).filter(
      ({ keep }) => keep,
    );
    expect(kept).toHaveLength(4);
  });
});

describe('retention', () => {
  const classOf = (document: object, view: ViewOptions) => sampler(document).classify(makeView(view), VIEW_START_MS);
  const noSample = { cold: { sample: 0 } };

  it('cold wins over warm, warm over hot', () => {
    const document = { critical: { services: ['payments'] }, retention: noSample };
    expect(classOf(document, {})).toBe('hot');
    expect(classOf(document, { spans: [{ durationUs: 1e6 }] })).toBe('warm');
    expect(classOf(document, { spans: [{}, { service: 'payments' }] })).toBe('warm');
    expect(classOf(document, { spans: [{ durationUs: 1e6, status: 'error' }] })).toBe('cold');
    expect(classOf({ ...document, slowMs: 2_000 }, { spans: [{ durationUs: 1e6 }] })).toBe('hot');
  });

  it('by conditions: agreements and attributes', () => {
    const retention = {
      warm: { when: [] },
      cold: {
        when: [
          { type: 'sla', operations: [{ operation: 'GET /', maxMs: 10 }] },
          { type: 'string_attribute', key: 'security.event', exists: true },
        ],
        sample: 0,
      },
    };
    expect(classOf({ retention }, ERROR)).toBe('hot');
    expect(classOf({ retention }, { spans: [{ durationUs: 10_001 }] })).toBe('cold');
    expect(classOf({ retention }, { spans: [{ attributes: { 'security.event': 'login_failed' } }] })).toBe('cold');
  });

  it('decodes nothing by default', () => {
    const view = { ...makeView(ERROR), decoded: () => expect.fail('decoded') };
    expect(sampler().decide(view, VIEW_START_MS).retention).toBe('cold');
  });

  it('a sample that everyone draws alike, as large as it should be among the traces that sampling keeps', () => {
    const document = { probability: 0.1, retention: { cold: { sample: 0.05 } } };
    const [one, other] = [sampler(document), sampler(document)];
    const random = seededRandom(2);
    let kept = 0;
    let cold = 0;
    for (let i = 0; i < 200_000; i++) {
      // 64-bit ids, filled up with zeros, have few bits beside those that sampling uses.
      const { traceId, random: bits } = randomTrace(random);
      const view = makeView({ traceId: `${'0'.repeat(16)}${traceId.slice(16)}`, random: bits });
      const decision = one.decide(view, VIEW_START_MS);
      expect(other.decide(view, VIEW_START_MS + 5).retention).toBe(decision.retention);
      if (!decision.keep) continue;
      kept++;
      if (decision.retention === 'cold') cold++;
    }
    expect(kept).toBeGreaterThan(19_000);
    expect(Math.abs(cold - kept * 0.05)).toBeLessThan(4 * Math.sqrt(kept * 0.05 * 0.95));
  });
});

describe('dryRun', () => {
  it('counts what was decided alike', () => {
    const views = [ERROR, {}, { spans: [{}, {}] }, { random: [0, 0] as const }].map(makeView);
    expect(dryRun(sampler(), views)).toEqual([
      { keep: true, reason: 'error', policy: 'error', traces: 1, spans: 1 },
      { keep: true, reason: 'probability', policy: 'probability', traces: 2, spans: 3 },
      { keep: false, reason: 'not_sampled', policy: 'probability', traces: 1, spans: 1 },
    ]);
    expect(dryRun(sampler(), [])).toEqual([]);
  });

  it('a trace is decided at its own time: limits have the room they had', () => {
    const rules = [{ type: 'rate_limit', tracesPerSecond: 1 }];
    const views = Array.from({ length: 10 }, (_, i) => ({ ...makeView(), startUs: i * 1_000_000 }));
    const kept = dryRun(sampler({ shards: 1, rules }), views).find(({ keep }) => keep);
    expect(kept?.traces).toBe(10);
  });
});
