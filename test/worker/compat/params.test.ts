import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MAX_ANSWER_TRACES, MAX_SEARCH_RANGE_US } from '../../../model/limits.ts';
import type { TraceSearch } from '../../../model/query/conditions.ts';
import { parseMetric, parseMetricsQuery } from '../../../worker/compat/jaeger/metrics-params.ts';
import { parseJaegerSearch } from '../../../worker/compat/jaeger/params.ts';
import { parseV3Range, parseV3Search } from '../../../worker/compat/jaeger/params-v3.ts';
import { parseTraceIds, parseZipkinSearch } from '../../../worker/compat/zipkin/params.ts';
import { HttpError } from '../../../worker/errors.ts';

const NOW_MS = 1_791_000_000_000;

const NAMES = [
  ...['service', 'operation', 'tag', 'tags', 'start', 'end', 'limit', 'minDuration', 'maxDuration', 'traceID', 'raw'],
  ...['serviceName', 'remoteServiceName', 'spanName', 'annotationQuery', 'endTs', 'lookback', 'traceIds'],
  ...['step', 'ratePer', 'spanKind', 'quantile', 'groupByOperation', 'startTime', 'endTime'],
  ...['serviceName', 'startTimeMin', 'startTimeMax', 'searchDepth', 'attributes', 'durationMin', 'durationMax'].map(
    (name) => `query.${name}`,
  ),
];
const value = fc.oneof(
  fc.string(),
  fc.maxSafeInteger().map(String),
  fc.bigInt().map(String),
  fc.double().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.tuple(fc.nat(), fc.constantFrom('ns', 'us', 'ms', 's', 'm', 'h')).map(([n, unit]) => `${n}${unit}`),
  fc.dictionary(fc.string(), fc.string()).map((object) => JSON.stringify(object)),
  fc.constantFrom('SPAN_KIND_SERVER', 'error', 'a=b and c', 'true', '0', '-1', '{}', 'a,b', '1,2', '__proto__'),
);
const params = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 8 })
  // What is asked for at least, or nearly everything would be refused for the want of it.
  .map((pairs) => [['service', 'a'], ['query.startTimeMin', '2026-01-01T00:00:00Z'], ...pairs])
  .chain((pairs) => fc.constantFrom(pairs, [...pairs, ['query.startTimeMax', '2026-01-02T00:00:00Z']]));

function attempt<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(/./) });
    return null;
  }
}

it('makes a search that can be asked of any parameters, or refuses them', () => {
  const made = { jaeger: 0, v3: 0, zipkin: 0, metrics: 0 };
  fc.assert(
    fc.property(params, (pairs) => {
      const text = new URLSearchParams(pairs);
      const jaeger = attempt(() => parseJaegerSearch(text, NOW_MS));
      const found: Partial<Record<keyof typeof made, TraceSearch | null>> = {
        jaeger: jaeger && 'search' in jaeger ? jaeger.search : null,
        v3: attempt(() => parseV3Search(text)),
        zipkin: attempt(() => parseZipkinSearch(Object.fromEntries(text), NOW_MS, (name) => name.length > 3)),
      };
      for (const [by, search] of Object.entries(found)) {
        if (search === null) continue;
        made[by as keyof typeof made]++;
        for (const number of [search.startUs, search.endUs, search.minDurationUs ?? 0, search.maxDurationUs ?? 0]) {
          expect(Number.isSafeInteger(number)).toBe(true);
        }
        expect(search.endUs - search.startUs).toBeLessThanOrEqual(MAX_SEARCH_RANGE_US);
        expect(search.minDurationUs ?? 0).toBeLessThanOrEqual(search.maxDurationUs ?? Number.POSITIVE_INFINITY);
        expect(search.limit).toBeGreaterThanOrEqual(1);
        expect(search.limit).toBeLessThanOrEqual(MAX_ANSWER_TRACES);
        for (const { key, test } of search.attributes) {
          expect(key).not.toBe('');
          if (test.operator === 'in') expect(test.values.some((each) => Object.is(each, -0))).toBe(false);
        }
      }
      attempt(() => parseTraceIds(Object.fromEntries(text)));
      attempt(() => parseV3Range(text));
      attempt(() => parseMetric('latencies', text));
      const metrics = attempt(() => parseMetricsQuery(text, NOW_MS));
      if (metrics) {
        made.metrics++;
        for (const atUs of metrics.pointsUs) expect(() => new Date(atUs / 1000).toISOString()).not.toThrow();
        expect(metrics.pointsUs.length).toBeLessThanOrEqual(1_000);
      }
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(...Object.values(made))).toBeGreaterThan(300);
});
