import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { conditionSchema, policyMaker } from '../../../durable-objects/policies/registry.ts';
import { makeView, VIEW_START_MS, type ViewOptions, type ViewSpan } from './view.ts';

const make = (options: object) =>
  policyMaker(4, { services: ['payments'], operations: ['POST /checkout'] })(v.parse(conditionSchema, options));

const judge = (options: object, view: ViewOptions) => make(options).judge(makeView(view), VIEW_START_MS);
const matches = (options: object, ...spans: ViewSpan[]) => judge(options, { spans }) !== null;

const CHILD_ERROR: ViewSpan[] = [{}, { status: 'error' }];
const ROOT_ERROR: ViewSpan[] = [{ status: 'error' }, {}];

describe.each<[options: object, reason: string, yes: ViewSpan[][], no: ViewSpan[][]]>([
  [{ type: 'always' }, 'always', [[{}]], []],
  [{ type: 'error' }, 'error', [CHILD_ERROR, ROOT_ERROR], [[{}], [{ status: 'ok' }]]],
  [{ type: 'status', in: ['error'] }, 'status', [CHILD_ERROR], [[{ status: 'ok' }]]],
  [{ type: 'status', in: ['error'], on: 'root' }, 'status', [ROOT_ERROR], [CHILD_ERROR]],
  [{ type: 'status', in: ['ok', 'error'] }, 'status', [[{}, { status: 'ok' }], CHILD_ERROR], [[{}, {}]]],
  [{ type: 'status', in: ['unset'], on: 'root' }, 'status', [CHILD_ERROR], [ROOT_ERROR]],
  [{ type: 'status', in: ['unset', 'ok', 'error'] }, 'status', [[{}]], []],
  [
    { type: 'latency', minMs: 5 },
    'slow',
    [[{ durationUs: 5_000 }], [{ durationUs: 1 }, { atUs: 4_000, durationUs: 1_000 }]],
    [[{ durationUs: 4_999 }], [{ durationUs: null }]],
  ],
  [
    {
      type: 'sla',
      operations: [
        { operation: 'GET /', maxMs: 3 },
        { service: 'shop', operation: 'GET /', maxMs: 2 },
        { operation: 'POST /', maxMs: 9 },
      ],
    },
    'sla',
    [[{ durationUs: 2_001 }], [{ service: 'web', durationUs: 3_001 }], [{}, { name: 'POST /', durationUs: 10_000 }]],
    [
      [{ durationUs: 2_000 }],
      [{ service: 'web', durationUs: 3_000 }],
      [{ name: 'PUT /', durationUs: 99_000 }],
      [{ name: 'POST /', durationUs: null }],
    ],
  ],
  [
    { type: 'critical' },
    'critical',
    [[{}, { service: 'payments' }], [{ name: 'POST /checkout' }]],
    [[{ service: 'POST /checkout', name: 'payments' }]],
  ],
  [
    { type: 'operation', services: ['shop'], names: ['GET /', 'GET /x'] },
    'operation',
    [[{}], [{ service: 'web' }, { name: 'GET /x' }]],
    [[{ name: 'PUT /' }], [{ service: 'web' }, { name: 'PUT /' }]],
  ],
  [
    { type: 'operation', pattern: '^GET /u', on: 'root' },
    'operation',
    [[{ name: 'GET /users' }]],
    [[{}, { name: 'GET /users' }]],
  ],
  [
    { type: 'string_attribute', key: 'a', equals: 'x' },
    'attribute',
    [[{}, { attributes: { a: 'x' } }], [{ resource: { a: 'x' } }], [{ attributes: { a: 'y' }, resource: { a: 'x' } }]],
    [[{ attributes: { a: 'X' } }], [{ attributes: { b: 'x' } }], [{ attributes: { a: ['x'] } }]],
  ],
  [
    { type: 'string_attribute', key: 'a', in: ['x', ''], on: 'root' },
    'attribute',
    [[{ attributes: { a: '' } }]],
    [[{}, { attributes: { a: 'x' } }]],
  ],
  [
    { type: 'string_attribute', key: 'a', pattern: '^x+$' },
    'attribute',
    [
      [{ attributes: { a: 'xxx' } }],
      [{ attributes: { a: 'y' } }, { attributes: { a: 'y' } }, { attributes: { a: 'x' } }],
    ],
    [[{ attributes: { a: 'xxy' } }], [{ attributes: { a: 7 } }]],
  ],
  [{ type: 'string_attribute', key: 'service.name', exists: true }, 'attribute', [[{}]], []],
  [
    { type: 'string_attribute', key: 'toString', exists: true },
    'attribute',
    [[{ attributes: { toString: 'x' } as never }]],
    [[{}]],
  ],
  [
    { type: 'number_attribute', key: 'n', equals: 0 },
    'attribute',
    [[{ attributes: { n: 0 } }]],
    [[{ attributes: { n: '0' } }], [{ attributes: { n: 1 } }]],
  ],
  [
    { type: 'number_attribute', key: 'n', in: [1, 2] },
    'attribute',
    [[{ attributes: { n: 2 } }]],
    [[{ attributes: { n: 3 } }]],
  ],
  [
    { type: 'number_attribute', key: 'n', min: 400, max: 499 },
    'attribute',
    [[{ attributes: { n: 400 } }], [{ attributes: { n: 499 } }]],
    [[{ attributes: { n: 399 } }], [{ attributes: { n: 499.5 } }], [{}]],
  ],
  [
    { type: 'number_attribute', key: 'n', max: -1 },
    'attribute',
    [[{ attributes: { n: -5 } }]],
    [[{ attributes: { n: 0 } }]],
  ],
  [
    { type: 'number_attribute', key: 'n', exists: true, on: 'root' },
    'attribute',
    [[{ attributes: { n: 0 } }]],
    [[{}, { attributes: { n: 0 } }]],
  ],
  [
    { type: 'boolean_attribute', key: 'b', equals: false },
    'attribute',
    [[{ attributes: { b: false } }]],
    [[{ attributes: { b: true } }], [{}], [{ attributes: { b: 0 } }]],
  ],
  [
    { type: 'boolean_attribute', key: 'b', exists: true },
    'attribute',
    [[{ attributes: { b: false } }]],
    [[{ attributes: { b: 'true' } }]],
  ],
  [
    { type: 'span_count', min: 2, max: 3 },
    'span_count',
    [
      [{}, {}],
      [{}, {}, {}],
    ],
    [[{}], [{}, {}, {}, {}]],
  ],
  [{ type: 'trace_flags' }, 'trace_flags', [[{}, { traceFlags: 3 }]], [[{ traceFlags: 2 }], [{}]]],
  [{ type: 'trace_flags', mask: 3 }, 'trace_flags', [[{ traceFlags: 7 }]], [[{ traceFlags: 1 }, { traceFlags: 2 }]]],
  [
    { type: 'trace_state', key: 'tier', equals: 'gold' },
    'trace_state',
    [[{}, { traceState: 'ot=th:8, tier=gold' }]],
    [[{ traceState: 'tier=golden' }], [{ traceState: 'mytier=gold' }], [{ traceState: 'x=tier=gold' }], [{}]],
  ],
  [
    { type: 'trace_state', key: 'tier', exists: true },
    'trace_state',
    [[{ traceState: 'tier=' }]],
    [[{ traceState: 'tier' }]],
  ],
  [
    { type: 'and', of: [{ type: 'latency', minMs: 1 }, { type: 'error' }] },
    'slow',
    [ROOT_ERROR],
    [[{}], [{ status: 'error', durationUs: 1 }]],
  ],
  [{ type: 'or', of: [{ type: 'span_count', min: 3 }, { type: 'error' }] }, 'error', [ROOT_ERROR], [[{}]]],
  [{ type: 'not', of: { type: 'error' } }, 'no_match', [[{}]], [ROOT_ERROR]],
])('%j', (options, reason, yes, no) => {
  it('keeps what matches, and has nothing to say of the rest', () => {
    for (const spans of yes) expect(judge(options, { spans })).toEqual({ keep: true, rate: 1, reason });
    for (const spans of no) expect([spans, judge(options, { spans })]).toEqual([spans, null]);
  });

  it('each kept trace stands for those that the head left out', () => {
    for (const spans of yes)
      expect(judge(options, { spans, headProbability: 0.25 })).toEqual({ keep: true, rate: 4, reason });
  });
});

it('decodes attributes only where they are asked for', () => {
  const view = { ...makeView({ spans: ROOT_ERROR }), decoded: () => expect.fail('decoded') };
  for (const options of [
    { type: 'error' },
    { type: 'status', in: ['error'] },
    { type: 'latency', minMs: 1 },
    { type: 'sla', operations: [{ operation: 'GET /', maxMs: 1 }] },
    { type: 'critical' },
    { type: 'operation', names: ['x'] },
    { type: 'span_count', min: 1 },
    { type: 'rare_edge' },
    { type: 'latency_percentile' },
  ]) {
    make(options).judge(view, VIEW_START_MS);
    make(options).observe?.(view, VIEW_START_MS, true);
  }
});

it('the root of a headless trace is its stand-in', () => {
  const options = { type: 'boolean_attribute', key: 'b', equals: true, on: 'root' };
  expect(matches(options, { parent: 9, attributes: { b: true } }, { parent: 9, atUs: 5 })).toBe(true);
  expect(matches(options, { parent: 9 }, { parent: 9, atUs: 5, attributes: { b: true } })).toBe(false);
});
