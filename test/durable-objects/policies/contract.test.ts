import { expect, test } from 'vitest';
import { POLICY_TYPES } from '../../../durable-objects/policies/registry.ts';
import { type PolicyCase, policyContract } from '../../contract/policy.ts';

const ERROR = { type: 'error' };
const ROUTE = { type: 'string_attribute', key: 'http.route', equals: '/health' };
const SOME = { type: 'probability', probability: 0.5 };
const of = (type: string, members: unknown) => ({ type, of: members });

const CASES: Readonly<Record<string, PolicyCase>> = {
  always: { good: [{ type: 'always' }], bad: [[{ name: '' }, 'name']] },
  error: { good: [ERROR, { ...ERROR, name: 'failed' }], bad: [[{ name: 5 }, 'name']] },
  status: {
    good: [
      { type: 'status', in: ['error'] },
      { type: 'status', in: ['ok', 'unset'], on: 'root' },
      { type: 'status', in: ['error', 'ok', 'unset'] },
    ],
    bad: [
      [{}, 'in'],
      [{ in: [] }, 'in'],
      [{ in: ['ok', 'bad'] }, 'in.1'],
      [{ in: ['ok'], on: 'leaf' }, 'on'],
    ],
  },
  latency: {
    good: [{ type: 'latency', minMs: 1_000 }],
    bad: [
      [{}, 'minMs'],
      [{ minMs: -1 }, 'minMs'],
      [{ minMs: '1s' }, 'minMs'],
    ],
  },
  latency_percentile: {
    good: [
      { type: 'latency_percentile', minTraces: 20 },
      { type: 'latency_percentile', percentile: 99, minTraces: 20, windowMinutes: 1 },
    ],
    bad: [
      [{ percentile: 100 }, 'percentile'],
      [{ minTraces: 1 }, 'minTraces'],
      [{ windowMinutes: 0 }, 'windowMinutes'],
    ],
  },
  sla: {
    good: [
      { type: 'sla', operations: [{ operation: 'POST /checkout', maxMs: 800 }] },
      { type: 'sla', operations: [{ service: 'shop', operation: 'GET /', maxMs: 0 }] },
    ],
    bad: [
      [{}, 'operations'],
      [{ operations: [{ operation: 'GET /' }] }, 'operations.0.maxMs'],
      [{ operations: [{ operation: '', maxMs: 1 }] }, 'operations.0.operation'],
    ],
  },
  critical: { good: [{ type: 'critical' }], bad: [[{ services: ['shop'] }, 'services']] },
  operation: {
    good: [
      { type: 'operation', services: ['payments'] },
      { type: 'operation', names: ['GET /health'], on: 'root' },
      { type: 'operation', services: ['shop'], pattern: '^GET ' },
    ],
    bad: [
      [{}, ''],
      [{ services: [] }, 'services'],
      [{ pattern: '(' }, 'pattern'],
      [{ names: [1] }, 'names.0'],
    ],
  },
  string_attribute: {
    good: [
      ROUTE,
      { type: 'string_attribute', key: 'http.route', in: ['/', '/health'], on: 'root' },
      { type: 'string_attribute', key: 'http.route', pattern: '^/h.*h$' },
      { type: 'string_attribute', key: 'service.name', exists: true },
    ],
    bad: [
      [{ equals: 'x' }, 'key'],
      [{ key: 'a' }, ''],
      [{ key: 'a', equals: 'x', exists: true }, ''],
      [{ key: 'a', equals: 1 }, 'equals'],
      [{ key: 'a', pattern: '(?<=x)' }, 'pattern'],
      [{ key: 'a', pattern: 'x'.repeat(513) }, 'pattern'],
      [{ key: 'a', exists: false }, 'exists'],
    ],
  },
  number_attribute: {
    good: [
      { type: 'number_attribute', key: 'http.status_code', equals: 503 },
      { type: 'number_attribute', key: 'http.status_code', in: [404, 503], on: 'root' },
      { type: 'number_attribute', key: 'http.status_code', min: 500 },
      { type: 'number_attribute', key: 'http.status_code', min: 400, max: 499 },
      { type: 'number_attribute', key: 'http.status_code', exists: true },
    ],
    bad: [
      [{ key: 'a' }, ''],
      [{ key: 'a', equals: 5, max: 6 }, ''],
      [{ key: 'a', equals: '5' }, 'equals'],
      [{ key: 'a', in: [1, '5'] }, 'in.1'],
    ],
  },
  boolean_attribute: {
    good: [
      { type: 'boolean_attribute', key: 'beta', equals: false },
      { type: 'boolean_attribute', key: 'beta', exists: true, on: 'root' },
    ],
    bad: [
      [{ key: 'a' }, ''],
      [{ key: 'a', equals: 'true' }, 'equals'],
    ],
  },
  span_count: {
    good: [
      { type: 'span_count', min: 3 },
      { type: 'span_count', min: 2, max: 2 },
    ],
    bad: [
      [{}, ''],
      [{ min: 0 }, 'min'],
      [{ max: 1.5 }, 'max'],
    ],
  },
  trace_flags: {
    good: [{ type: 'trace_flags' }, { type: 'trace_flags', mask: 1 }],
    bad: [[{ mask: 256 }, 'mask']],
  },
  trace_state: {
    good: [
      { type: 'trace_state', key: 'tier', equals: 'gold' },
      { type: 'trace_state', key: 'ot', pattern: 'th:' },
    ],
    bad: [
      [{ key: 'tier' }, ''],
      [{ equals: 'x' }, 'key'],
    ],
  },
  rare_edge: {
    good: [{ type: 'rare_edge' }, { type: 'rare_edge', fewerThan: 50, windowMinutes: 1 }],
    bad: [
      [{ fewerThan: 0 }, 'fewerThan'],
      [{ windowMinutes: 2_000 }, 'windowMinutes'],
    ],
  },
  coverage: {
    good: [
      { type: 'coverage', of: 'service', perMinute: 5 },
      { type: 'coverage', of: 'operation', perMinute: 1 },
    ],
    bad: [
      [{ of: 'trace', perMinute: 1 }, 'of'],
      [{ of: 'service', perMinute: 0 }, 'perMinute'],
      [{ of: 'service' }, 'perMinute'],
    ],
  },
  probability: {
    good: [SOME, { type: 'probability', probability: 1 }, { type: 'probability', probability: 0 }],
    bad: [
      [{ probability: 1.01 }, 'probability'],
      [{ probability: -0.1 }, 'probability'],
      [{}, 'probability'],
    ],
  },
  throughput: {
    good: [
      { type: 'throughput', tracesPerSecond: 10 },
      {
        type: 'throughput',
        tracesPerSecond: 1,
        key: ['service', 'operation', 'error', { attribute: 'http.route' }],
        adjustSeconds: 1,
        maxKeys: 5,
      },
    ],
    bad: [
      [{}, 'tracesPerSecond'],
      [{ tracesPerSecond: 0 }, 'tracesPerSecond'],
      [{ tracesPerSecond: 1, key: [] }, 'key'],
      [{ tracesPerSecond: 1, key: ['name'] }, 'key.0'],
      [{ tracesPerSecond: 1, weight: 1 }, 'weight'],
      [{ tracesPerSecond: 1, maxKeys: 1e6 }, 'maxKeys'],
    ],
  },
  rate_limit: {
    good: [
      { type: 'rate_limit', spansPerSecond: 100 },
      { type: 'rate_limit', tracesPerSecond: 10 },
    ],
    bad: [
      [{}, ''],
      [{ spansPerSecond: 1, tracesPerSecond: 1 }, ''],
      [{ spansPerSecond: 0 }, 'spansPerSecond'],
    ],
  },
  byte_limit: {
    good: [{ type: 'byte_limit', bytesPerSecond: 10_000 }],
    bad: [[{ bytesPerSecond: 0 }, 'bytesPerSecond']],
  },
  and: {
    good: [of('and', [ERROR, ROUTE]), of('and', [ROUTE, SOME]), of('and', [of('not', ERROR), of('and', [SOME])])],
    bad: [
      [{}, 'of'],
      [{ of: [] }, 'of'],
      [{ of: [ERROR, { type: 'nonsense' }] }, 'of.1.type'],
      [{ of: [SOME, SOME] }, 'of'],
      [{ of: [of('drop', ERROR)] }, 'of.0'],
      [{ of: [{ type: 'latency', minMs: 'x' }] }, 'of.0.minMs'],
    ],
  },
  or: {
    good: [of('or', [ERROR, ROUTE])],
    bad: [
      [{ of: [] }, 'of'],
      [{ of: [ERROR, SOME] }, 'of.1'],
    ],
  },
  not: {
    good: [of('not', ERROR), of('not', of('or', [ERROR, of('not', ROUTE)]))],
    bad: [
      [{}, 'of'],
      [{ of: SOME }, 'of'],
      [{ of: of('and', [SOME]) }, 'of'],
    ],
  },
  drop: {
    good: [of('drop', ROUTE)],
    bad: [
      [{ of: SOME }, 'of'],
      [{ of: of('drop', ERROR) }, 'of'],
    ],
  },
  composite: {
    good: [
      {
        type: 'composite',
        spansPerSecond: 200,
        shares: [
          { share: 0.5, of: ERROR },
          { share: 0.25, of: SOME },
        ],
      },
      {
        type: 'composite',
        spansPerSecond: 1,
        shares: [
          { share: 0.1, of: of('and', [ROUTE, SOME]) },
          { share: 0.9, of: { type: 'always' } },
        ],
      },
    ],
    bad: [
      [{ spansPerSecond: 1, shares: [] }, 'shares'],
      [{ spansPerSecond: 1, shares: [{ share: 0, of: ERROR }] }, 'shares.0.share'],
      [
        {
          spansPerSecond: 1,
          shares: [
            { share: 0.6, of: ERROR },
            { share: 0.5, of: SOME },
          ],
        },
        'shares',
      ],
      [{ spansPerSecond: 1, shares: [{ share: 1, of: of('drop', ERROR) }] }, 'shares.0.of'],
    ],
  },
};

for (const [type, policyCase] of Object.entries(CASES)) policyContract(type, policyCase);

test('every policy is held to the contract', () => {
  expect(Object.keys(CASES).sort()).toEqual([...POLICY_TYPES].sort());
});
