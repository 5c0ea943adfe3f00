import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseHex } from '../../model/ids.ts';
import { MAX_TERM_BYTES } from '../../model/limits.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import type { TraceConditions } from '../../model/query/conditions.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { SpanDataAttributes } from '../../model/span-data.ts';
import { decodeBlockTerms, encodeBlock } from '../../store/block.ts';
import { encodeBloom, mayHold } from '../../store/bloom.ts';
import { MAX_VALUES_PER_KEY } from '../../store/bounds.ts';
import { collectTerms } from '../../store/collect-terms.ts';
import { type BlockColumns, selectBlocks } from '../../store/d1-find-blocks.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { findInTerms } from '../../store/find-in-terms.ts';
import { readSections } from '../../store/r2-sections.ts';
import { attributeTerm, operationTerm, serviceTerm, type Term } from '../../store/term.ts';
import { decodeTerms, encodeTerms, filterTerms, type TermIndex } from '../../store/term-index.ts';
import { EVERYTHING, find, makePart, traceIdOf } from '../contract/parts.ts';
import { bindings, clearBindings, db } from './bindings.ts';
import { BLOCK_V1_HEX } from './fixtures/block-v1.ts';

interface Words {
  readonly service?: string;
  readonly resource?: SpanDataAttributes;
  readonly names?: readonly string[];
  readonly attributes?: SpanDataAttributes;
}

/** One resource's spans, one for each name, all with the attributes. */
function otlpOf({ service, resource = [], names = ['GET /'], attributes = [] }: Words): Uint8Array {
  return encodeTracesData(
    [...resource, ...(service === undefined ? [] : [['service.name', service] as const])],
    names.map((name, i) => ({
      traceId: parseHex(traceIdOf(1))!,
      spanId: parseHex((i + 1).toString(16).padStart(16, '0'))!,
      parentSpanId: null,
      name,
      kind: 2,
      startUs: 1_000,
      endUs: 2_000,
      flags: 1,
      traceState: '',
      statusCode: 0,
      statusMessage: '',
      attributes,
      events: [],
      links: [],
      scope: 'test',
      droppedAttributes: 0,
      droppedEvents: 0,
      droppedLinks: 0,
    })),
  );
}

const traces = [
  otlpOf({
    service: 'shop',
    resource: [['host.name', 'a']],
    attributes: [
      ['code', 200],
      ['hit', true],
    ],
  }),
  concatBytes([
    otlpOf({
      service: 'shop',
      names: ['GET /', 'POST /'],
      attributes: [
        ['code', '200'],
        ['ratio', 0.5],
      ],
    }),
    otlpOf({
      service: 'stock',
      names: ['reserve'],
      attributes: [
        ['code', 200],
        ['code', -7],
        ['list', [1, 2]],
      ],
    }),
  ]),
  otlpOf({ attributes: [['host.name', 'a']] }),
];

describe('terms', () => {
  test.each<[string, Term, number[]]>([
    ['an int', attributeTerm('span', 'code', 200), [0, 1]],
    ['text that reads like it', attributeTerm('span', 'code', '200'), [1]],
    ['a negative int', attributeTerm('span', 'code', -7), [1]],
    ['a double', attributeTerm('span', 'ratio', 0.5), [1]],
    ['an int as double', attributeTerm('span', 'code', 200, true), []],
    ['a boolean', attributeTerm('span', 'hit', true), [0]],
    ['the other boolean', attributeTerm('span', 'hit', false), []],
    ['of the resource', attributeTerm('resource', 'host.name', 'a'), [0]],
    ['of the span', attributeTerm('span', 'host.name', 'a'), [2]],
    ['a service', serviceTerm('shop'), [0, 1]],
    ['no service', serviceTerm('unknown_service'), [2]],
    ['an operation', operationTerm('shop', 'POST /'), [1]],
    ['an operation of another service', operationTerm('shop', 'reserve'), []],
    ['a list is none', attributeTerm('span', 'list', '[1,2]'), []],
  ])('%s', (_what, term, expected) => {
    const index = collectTerms(traces);
    const bloom = encodeBloom(index)!;
    expect(lookUpTerm(index, term)).toEqual({ traces: expected, isComplete: true });
    if (expected.length > 0) expect(mayHold(bloom, term)).toBe(true);
    expect(decodeTerms(encodeTerms(index))).toEqual(index);
  });

  test('long values are cut, in the index and in what is looked for', () => {
    const long = 'x'.repeat(MAX_TERM_BYTES);
    const index = collectTerms(['1', '2'].map((end) => otlpOf({ attributes: [['key', long + end]] })));
    expect(lookUpTerm(index, attributeTerm('span', 'key', `${long}3`)).traces).toEqual([0, 1]);
    expect(lookUpTerm(index, attributeTerm('span', 'key', long.slice(1))).traces).toEqual([]);
  });

  test('a key with too many values says so, and only that key', () => {
    const many = Array.from({ length: MAX_VALUES_PER_KEY + 5 }, (_, i) =>
      otlpOf({
        attributes: [
          ['id', `${i}`],
          ['all', 'same'],
        ],
      }),
    );
    const index = collectTerms(many);
    const late = attributeTerm('span', 'id', `${MAX_VALUES_PER_KEY + 1}`);
    expect(lookUpTerm(index, late)).toEqual({ traces: [], isComplete: false });
    expect(lookUpTerm(index, attributeTerm('span', 'id', '7'))).toEqual({ traces: [7], isComplete: true });
    expect(lookUpTerm(index, attributeTerm('span', 'all', 'other')).isComplete).toBe(true);
    expect(lookUpTerm(index, attributeTerm('span', 'all', 'same')).traces).toHaveLength(many.length);
    expect(mayHold(encodeBloom(index)!, late)).toBe(true);
    expect(decodeTerms(encodeTerms(index))).toEqual(index);
  });

  test('what is not OTLP makes the index incomplete, and no filter rules anything out', () => {
    const index = collectTerms([traces[0]!, new Uint8Array([1])]);
    expect(lookUpTerm(index, attributeTerm('span', 'hit', false)).isComplete).toBe(false);
    expect(lookUpTerm(index, attributeTerm('span', 'hit', true)).traces).toEqual([0]);
    expect(encodeBloom(index)).toBeNull();
  });

  test('property: every attribute of every trace is found, nothing else is, and what is left after some are gone', () => {
    const value = fc.oneof(fc.string({ maxLength: 4 }), fc.integer(), fc.boolean(), fc.double({ noNaN: true }));
    const words = fc.record({
      service: fc.constantFrom('a', 'b', 'c'),
      attributes: fc.uniqueArray(fc.tuple(fc.constantFrom('k', 'l', 'm'), value), { selector: ([key]) => key }),
    });
    const runs = fc.tuple(fc.array(words, { maxLength: 12 }), fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }));
    fc.assert(
      fc.property(runs, ([all, stays]) => {
        const index = collectTerms(all.map(otlpOf));
        const places = all.map((_, i) => (stays[i] ? stays.slice(0, i).filter(Boolean).length : -1));
        const left = filterTerms(index, places);
        expect(decodeTerms(encodeTerms(left))).toEqual(left);
        const has = (each: (typeof all)[number], term: Term) =>
          each.attributes.some(([key, v]) => isSame(attributeTerm('span', key, v), term));
        for (const [key, v] of all.flatMap(({ attributes }) => attributes)) {
          const term = attributeTerm('span', key, v);
          const expected = all.flatMap((each, i) => (has(each, term) ? [i] : []));
          expect(lookUpTerm(index, term).traces).toEqual(expected);
          expect(mayHold(encodeBloom(index)!, term)).toBe(true);
          expect(lookUpTerm(left, term).traces).toEqual(expected.filter((i) => stays[i]).map((i) => places[i]!));
        }
      }),
      { examples: [[[[{ service: 'a', attributes: [['k', -0]] }], Array(12).fill(false)]]] },
    );
  });

  test('a filter is wrong about one term in a hundred that are not there', () => {
    const index = collectTerms(Array.from({ length: 1_000 }, (_, i) => otlpOf({ attributes: [['id', `${i}`]] })));
    const bloom = encodeBloom(index)!;
    const wrong = Array.from({ length: 10_000 }, (_, i) => attributeTerm('span', 'id', `other-${i}`));
    expect(wrong.filter((term) => mayHold(bloom, term)).length).toBeLessThan(250);
  });

  test('property: damaged terms give a BlockError and nothing else', () => {
    const bytes = encodeTerms(collectTerms(traces));
    const mutation = fc.tuple(fc.nat(bytes.length), fc.nat(bytes.length), fc.uint8Array({ maxLength: 10 }));
    fc.assert(
      fc.property(mutation, ([start, end, insert]) => {
        try {
          decodeTerms(Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(end)]));
        } catch (error) {
          expect(error).toMatchObject({ name: 'BlockError', fault: 'bad_terms' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('terms of stored blocks', () => {
  const { bucket } = bindings;
  const part = (n: number, words: Words, startUs = 1_000) => ({
    ...makePart({ traceId: traceIdOf(n), startUs }),
    otlp: otlpOf(words),
  });

  beforeEach(clearBindings);

  test('are found by range reads, in small blocks and in large ones', async () => {
    const store = createD1R2Store(bindings);
    const large = Array.from({ length: 900 }, (_, i) =>
      part(900 - i, {
        attributes: [
          ['id', `user-${i}`],
          ['url', `/${crypto.randomUUID()}/${crypto.randomUUID()}`],
        ],
      }),
    );
    await store.write('small', [part(3, { service: 'shop' }), part(2, { service: 'stock' })]);
    await store.write('large', large);
    const found = async (objectKey: string, conditions: TraceConditions) => {
      const { index, terms } = await readSections(bucket, objectKey);
      return findInTerms(terms!, conditions).places.map((place) => [...index.keys()][place]);
    };
    expect(await found('small', { service: 'shop', attributes: [] })).toEqual([traceIdOf(3)]);
    const user = { on: 'span', key: 'id', test: { operator: '=', value: 'user-899' } } as const;
    expect(await found('large', { attributes: [user] })).toEqual([traceIdOf(1)]);
    const whole = new Uint8Array(await (await bucket.get('large'))!.arrayBuffer());
    expect((await readSections(bucket, 'large')).terms).toEqual(decodeBlockTerms(whole));
    expect(whole.length).toBeGreaterThan(64 * 1024);
    await expect(readSections(bucket, 'gone')).rejects.toMatchObject({ fault: 'block_missing', key: 'gone' });
  });

  test('a block that was written without has none', async () => {
    await bucket.put('old', Buffer.from(BLOCK_V1_HEX, 'hex'));
    expect((await readSections(bucket, 'old')).terms).toBeNull();
  });

  test('the database names the blocks that may have a term, within the range', async () => {
    const store = createD1R2Store(bindings);
    for (let i = 1; i <= 20; i++) {
      await store.write(`block-${i}`, [
        part(
          i,
          {
            attributes: [
              ['id', `user-${i}`],
              ['n', i % 2],
            ],
          },
          i * 1_000,
        ),
      ]);
    }
    await store.write('strange', [
      { ...makePart({ traceId: traceIdOf(99), startUs: 50_000 }), otlp: new Uint8Array([1]) },
    ]);
    const found = async (term: Term, range = EVERYTHING) =>
      (await selectBlocks(db, range, [[term]]).all<BlockColumns>()).results.map((row) => row.object_key);
    expect(await found(attributeTerm('span', 'id', 'user-7'))).toEqual(['strange', 'block-7']);
    expect(await found(attributeTerm('span', 'n', 1), { ...EVERYTHING, startUs: 5_000, endUs: 9_000 })).toEqual([
      'block-9',
      'block-7',
      'block-5',
    ]);
    expect(await found(attributeTerm('span', 'id', 'nobody'))).toEqual(['strange']);
  });

  test('property: the database finds in a filter what the code finds', async () => {
    await find(createD1R2Store(bindings), EVERYTHING);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 5 }), { maxLength: 40 }), fc.string(), async (values, other) => {
        const otlp = values.map((value) => otlpOf({ attributes: [['key', value]] }));
        const { bloom } = encodeBlock(otlp.map((each, i) => ({ traceId: traceIdOf(i + 1), otlp: each })));
        const row = 'INSERT OR REPLACE INTO blocks (block_key, bytes, trace_count, min_start_us, max_start_us, bloom)';
        await db.prepare(`${row} VALUES ('b', 1, 1, 1, 1, ?1)`).bind(bloom).run();
        for (const value of [...values.slice(0, 3), other]) {
          const term = attributeTerm('span', 'key', value);
          expect((await selectBlocks(db, EVERYTHING, [[term]]).all()).results).toHaveLength(
            mayHold(bloom!, term) ? 1 : 0,
          );
        }
      }),
      { numRuns: 40 },
    );
  });
});

function isSame(a: Term, b: Term): boolean {
  return a.type === b.type && Buffer.compare(a.key, b.key) === 0 && Buffer.compare(a.value, b.value) === 0;
}

/** Which traces have the term; `isComplete` when no others can. */
function lookUpTerm(index: TermIndex, term: Term): { traces: readonly number[]; isComplete: boolean } {
  const key = index.keys.find((each) => each.kind === term.kind && Buffer.compare(each.key, term.key) === 0);
  const found = key?.values.find((each) => each.type === term.type && Buffer.compare(each.value, term.value) === 0);
  if (found) return { traces: found.traces, isComplete: !index.isIncomplete };
  return { traces: [], isComplete: !index.isIncomplete && !key?.isIncomplete };
}
