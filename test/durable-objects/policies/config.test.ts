import { describe, expect, it } from 'vitest';
import documentation from '../../../docs/sampling.md?raw';
import { ConfigError, parseConfig } from '../../../durable-objects/config.ts';
import { createSampler } from '../../../durable-objects/decide.ts';
import { POLICY_TYPES } from '../../../durable-objects/policies/registry.ts';
import { makeView, VIEW_START_MS } from './view.ts';

const MIB = 1024 * 1024;
const parse = (document: unknown) => parseConfig(JSON.stringify(document));

describe('parseConfig', () => {
  it('has a default for everything', () => {
    const defaults = {
      version: 1,
      shards: 4,
      probability: 0.1,
      slowMs: 1_000,
      quietMs: 2_000,
      headlessQuietMs: 10_000,
      maxAgeMs: 60_000,
      alarmMs: 5_000,
      rules: [
        { type: 'error' },
        { type: 'latency', name: 'slow', minMs: 1_000 },
        { type: 'probability', probability: 0.1 },
      ],
      critical: { services: [], operations: [] },
      completion: { minQuietMs: 500, maxQuietMs: 10_000, maxSpans: 32_000, maxBytes: 16 * MIB },
      memory: { liveBytes: 64 * MIB },
      log: { bytes: 2_048 * MIB },
      storing: { blockMs: 30_000 },
      capacity: {},
      sdk: { routes: [], paused: false, maxTraceSpans: 20_000 },
      retention: {
        hotDays: 7,
        warmDays: 90,
        coldDays: 365,
        warm: { when: [{ type: 'error' }, { type: 'latency', minMs: 1_000 }, { type: 'critical' }] },
        cold: { when: [{ type: 'error' }], sample: 0.001 },
      },
      ingest: {
        maxBodyBytes: 16 * MIB,
        pastMs: 3_650 * 86_400_000,
        futureMs: 86_400_000,
        attributes: 128,
        events: 128,
        links: 128,
        eventAttributes: 128,
        linkAttributes: 128,
        valueBytes: 65_536,
        keys: 1_000,
        describePages: true,
      },
      privacy: { rules: [], scrubQueries: true },
    };
    expect(parseConfig(undefined)).toEqual(defaults);
    expect(parseConfig('')).toEqual(defaults);
    expect(parse({})).toEqual(defaults);
  });

  it('is the same when what came out of it goes in', () => {
    const config = parse({ slowMs: 300, rules: [{ type: 'status', in: ['error'] }], completion: { maxSpans: 5 } });
    expect(parse(config)).toEqual(config);
  });

  it('some defaults follow from other fields', () => {
    const config = parse({ slowMs: 300, probability: 0.5, headlessQuietMs: 100 });
    expect(config.rules.slice(1)).toEqual([
      { type: 'latency', name: 'slow', minMs: 300 },
      { type: 'probability', probability: 0.5 },
    ]);
    expect(config.retention.warm.when[1]).toEqual({ type: 'latency', minMs: 300 });
    expect(config.completion).toMatchObject({ minQuietMs: 100, maxQuietMs: 100 });
    expect(parse({ completion: { minQuietMs: 20_000 } }).completion).toMatchObject({
      minQuietMs: 20_000,
      maxQuietMs: 20_000,
    });
  });

  it.each<[unknown, string]>([
    ['text', 'the document: '],
    [{ versoin: 2 }, 'versoin: '],
    [{ version: 0 }, 'version: '],
    [{ shards: 257 }, 'shards: '],
    [{ slowMs: '1s' }, 'slowMs: '],
    [{ rules: [] }, 'rules: '],
    [{ rules: { type: 'error' } }, 'rules: '],
    [{ rules: [{ type: 'errors' }] }, 'rules.0.type: '],
    [{ rules: [{ type: 'error' }, {}] }, 'rules.1.type: '],
    [
      {
        rules: [
          { type: 'error', name: 'x' },
          { type: 'always', name: 'x' },
        ],
      },
      'rules: two rules have the same name',
    ],
    [{ rules: [{ type: 'error', name: 'always' }, { type: 'always' }] }, 'rules: two rules have the same name'],
    [{ rules: Array.from({ length: 101 }, () => ({ type: 'error' })) }, 'rules: '],
    [
      {
        rules: Array.from({ length: 8 }, () => ({ type: 'and', of: [{ type: 'error' }, { type: 'rare_edge' }] })),
        retention: { warm: { when: [{ type: 'not', of: { type: 'latency_percentile' } }] } },
      },
      'rules: there are more than 8 policies that learn',
    ],
    [{ critical: { services: 'payments' } }, 'critical.services: '],
    [{ critical: { operations: [1] } }, 'critical.operations.0: '],
    [{ completion: { minQuietMs: 5_000, maxQuietMs: 4_000 } }, 'completion.maxQuietMs: is less than minQuietMs'],
    [{ completion: { maxBytes: 17 * MIB } }, 'completion.maxBytes: '],
    [{ memory: { liveBytes: 97 * MIB } }, 'memory.liveBytes: '],
    [{ memory: { liveBytes: MIB - 1 } }, 'memory.liveBytes: '],
    [{ log: { bytes: 63 * MIB } }, 'log.bytes: '],
    [{ log: { bytes: 8_193 * MIB } }, 'log.bytes: '],
    [{ capacity: { spansPerSecond: 0 } }, 'capacity.spansPerSecond: '],
    [{ retention: { hotDays: 0 } }, 'retention.hotDays: '],
    [{ retention: { hotDays: 100 } }, 'retention.warmDays: is less than hotDays'],
    [{ retention: { coldDays: 30 } }, 'retention.coldDays: is less than warmDays'],
    [{ retention: { cold: { sample: 2 } } }, 'retention.cold.sample: '],
    [
      { retention: { cold: { when: [{ type: 'probability', probability: 1 }] } } },
      'retention.cold.when.0: only policies',
    ],
    [{ retention: { warm: { when: [{ type: 'latency' }] } } }, 'retention.warm.when.0.minMs: '],
  ])('%j', (document, message) => {
    expect(() => parse(document)).toThrow(ConfigError);
    expect(() => parse(document)).toThrow(message);
  });

  it('refuses what is not JSON, too large or too deep', () => {
    expect(() => parseConfig('{')).toThrow('the document is not JSON');
    expect(() => parseConfig(`"${'x'.repeat(256 * 1024)}"`)).toThrow('the document is larger than 256 KiB');
    const deep = (depth: number): object => (depth === 0 ? { type: 'error' } : { type: 'not', of: deep(depth - 1) });
    expect(() => parse({ rules: [deep(5_000)] })).toThrow('the document is nested deeper than 40');
    expect(parse({ rules: [deep(30)] }).rules).toHaveLength(1);
  });
});

describe('docs/sampling.md', () => {
  const examples = [...documentation.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text!);
  /** Documents, and rules by themselves. */
  const documents = examples.map((text) => {
    const value = JSON.parse(text) as { type?: unknown };
    return value.type === undefined ? value : { rules: [value] };
  });

  it('has examples that work', () => {
    expect(examples.length).toBeGreaterThan(10);
    for (const document of documents) createSampler(parse(document)).decide(makeView(), VIEW_START_MS);
  });

  it('shows every policy and every field', () => {
    const types = [...JSON.stringify(documents).matchAll(/"type":"(\w+)"/g)].map(([, type]) => type!);
    expect([...new Set(types)].sort()).toEqual([...POLICY_TYPES].sort());
    for (const field of Object.keys(parseConfig('{}'))) expect(documentation).toContain(`\`${field}\``);
  });
});
