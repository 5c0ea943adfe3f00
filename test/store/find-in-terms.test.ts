import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TERM_BYTES } from '../../model/limits.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import type { TraceConditions } from '../../model/query/conditions.ts';
import { parseQuery } from '../../model/query/parse-query.ts';
import { MAX_VALUES_PER_KEY } from '../../store/bounds.ts';
import { collectTerms } from '../../store/collect-terms.ts';
import { findInTerms } from '../../store/find-in-terms.ts';
import type { IndexedTrace } from '../../store/segment/build.ts';
import { decodeTerms, encodeTerms } from '../../store/term-index.ts';
import { arbitraryTraces, likelyConditions, meetsConditions, orderlyTraces } from './segment/arbitrary-traces.ts';
import { traceOf } from './segment/make-trace.ts';

const termsOf = (traces: readonly IndexedTrace[]) =>
  decodeTerms(encodeTerms(collectTerms(traces.map(({ otlp }) => otlp))));

/** The conditions that terms can tell of. */
function ofTerms({
  minDurationUs: _min,
  maxDurationUs: _max,
  status: _status,
  ...rest
}: TraceConditions): TraceConditions {
  return rest;
}

const placesOf = (traces: readonly IndexedTrace[], conditions: TraceConditions) =>
  traces.flatMap((trace, place) => (meetsConditions(trace, conditions) ? [place] : []));

describe('findInTerms', () => {
  test('property: has every trace that matches, whatever spans and attributes are like', () => {
    let ruledOut = 0;
    fc.assert(
      fc.property(arbitraryTraces, fc.array(likelyConditions, { minLength: 8, maxLength: 8 }), (traces, searches) => {
        const index = termsOf(traces);
        for (const conditions of searches) {
          const { places } = findInTerms(index, conditions);
          const missing = placesOf(traces, conditions).filter((place) => !places.includes(place));
          expect(missing).toEqual([]);
          ruledOut += traces.length - places.length;
        }
      }),
      { numRuns: 400 },
    );
    expect(ruledOut).toBeGreaterThan(5_000);
  });

  test('property: has no other where it is exact', () => {
    let exact = 0;
    fc.assert(
      fc.property(orderlyTraces, fc.array(likelyConditions, { minLength: 8, maxLength: 8 }), (traces, searches) => {
        const index = termsOf(traces);
        for (const conditions of searches) {
          const { places, isExact } = findInTerms(index, conditions);
          const matching = placesOf(traces, ofTerms(conditions));
          if (isExact) expect(places).toEqual(matching);
          else expect(matching.filter((place) => !places.includes(place))).toEqual([]);
          if (isExact && places.length > 0) exact++;
        }
      }),
      { numRuns: 400 },
    );
    expect(exact).toBeGreaterThan(200);
  });

  const many = Array.from({ length: MAX_VALUES_PER_KEY + 5 }, (_, i) =>
    traceOf({
      attributes: [
        ['id', `${i}`],
        ['n', i],
      ],
    }),
  );
  const long = 'x'.repeat(MAX_TERM_BYTES);

  test.each<[string, string, readonly IndexedTrace[], number, boolean]>([
    ['an int as a double', 'n=200', [traceOf({ attributes: [['n', 200]] })], 1, true],
    ['a range of text', 'a>b', [traceOf({ attributes: [['a', 'c']] }), traceOf({ attributes: [['a', 'a']] })], 1, true],
    ['another type', 'a=200', [traceOf({ attributes: [['a', '200']] })], 0, true],
    ['a list may be different', 'a!=b', [traceOf({ attributes: [['a', ['b']]] })], 1, false],
    ['the root', 'root.a=b', [traceOf({ attributes: [['a', 'b']] })], 1, false],
    ['a value beyond the cut', `a=${long}1`, [traceOf({ attributes: [['a', `${long}2`]] })], 1, true],
    ['a name beyond the cut', `operation=${long}1`, [traceOf({ name: `${long}2` })], 1, false],
    ['a name of no span', 'operation=other', [traceOf({ name: 'name' })], 0, true],
    ['a key with more values than there is room for', 'id=none', many, many.length, false],
    ['a key with too many, and one without', 'id=none service=none', many, 0, true],
  ])('%s', (_what, line, traces, count, isExact) => {
    const found = findInTerms(termsOf(traces), parseQuery(line));
    expect([found.places.length, found.isExact]).toEqual([count, isExact]);
  });

  test('a service that is named by text and then by a list is unknown', () => {
    const otlp = encodeTracesData(
      [
        ['service.name', 'shop'],
        ['service.name', ['a', 'b']],
      ],
      [],
    );
    expect(findInTerms(collectTerms([otlp]), parseQuery('service=unknown_service')).places).toEqual([0]);
  });

  test('what is not OTLP may be anything', () => {
    const index = collectTerms([traceOf({ name: 'name' }).otlp, new Uint8Array([1])]);
    expect(findInTerms(index, parseQuery('operation=other'))).toEqual({ places: [0, 1], isExact: false });
  });
});
