import { abortAllDurableObjects, runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TraceSummary } from '../../model/span.ts';
import { mergeMinutes, readSum } from '../../model/statistics-merge.ts';
import { StatisticsSum } from '../../model/statistics-sum.ts';
import { renderFamilies } from '../../worker/openmetrics.ts';
import { MAX_OPERATIONS, redFamilies } from '../../worker/red-metrics.ts';
import { type CountedSpan, rowOf } from '../kit/counted-spans.ts';
import { parseOpenMetrics } from '../kit/openmetrics.ts';
import { otlp, randomTraceId, type TestSpan } from '../kit/spans.ts';
import { RED_EXPOSITION } from './fixtures/red-exposition.ts';

const CREATED_MS = 1_790_035_200_000;
const base = { shard: 's', minute: 1, service: 'cart', name: 'GET "/"', kind: 2, durationUs: 3_000, isError: false };
const caller = { service: 'page', name: 'load' };

function expose(
  spans: readonly CountedSpan[],
  recent: readonly TraceSummary[] = [],
  earlier: readonly CountedSpan[] = [],
) {
  const row = rowOf(1, spans);
  const { edges } = readSum(new StatisticsSum('service').add(row));
  const { operations } = mergeMinutes([row]);
  const before = mergeMinutes([rowOf(1, earlier)]).operations;
  return renderFamilies(redFamilies({ operations, edges, earlier: before, recent, createdMs: CREATED_MS }));
}

it('is written with the names that Grafana’s service map asks for', () => {
  const spans: CountedSpan[] = [
    { ...base, caller },
    { ...base, durationUs: 50_000, isError: true, caller },
    { ...base, service: 'page', name: 'load', kind: 1, durationUs: 20_000_000, caller: null },
  ];
  const recent = [
    {
      traceId: 'ab'.repeat(16),
      rootService: 'cart',
      rootOperation: 'GET "/"',
      durationUs: 3_500,
      startUs: CREATED_MS * 1000 + 500_000,
    },
  ] as unknown as TraceSummary[];
  const text = expose(spans, recent);
  parseOpenMetrics(text);
  expect(text.replaceAll(/^# HELP .*\n/gm, '')).toBe(RED_EXPOSITION);
});

/** What the sum of all series of a service is. */
function callsOf(samples: ReadonlyMap<string, number>, service: string): number {
  return [...samples]
    .filter(([key]) => key.startsWith('traces_spanmetrics_calls_total{') && key.includes(`service="${service}"`))
    .reduce((sum, [, value]) => sum + value, 0);
}

describe('with more operations than there may be series', () => {
  const spanOf = (n: number): CountedSpan => ({ ...base, service: 'many', name: `op-${n}`, caller: null });

  it('counts the rest as other, and no count falls however they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(2 * MAX_OPERATIONS), { minLength: 1, maxLength: 600 }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(fc.nat(2 * MAX_OPERATIONS), { maxLength: 300 }),
        (arrivals, earlier) => {
          const spans: CountedSpan[] = [];
          let before = new Map<string, number>();
          for (const names of arrivals) {
            spans.push(...names.map(spanOf));
            const after = parseOpenMetrics(expose(spans, [], earlier.map(spanOf)));
            expect(callsOf(after, 'many')).toBe(spans.length);
            const series = [...after.keys()].filter(
              (key) => key.includes('STATUS_CODE_ERROR') && key.includes('_total'),
            );
            expect(series.length).toBeLessThanOrEqual(MAX_OPERATIONS + 1);
            for (const [key, value] of after) expect(value).toBeGreaterThanOrEqual(before.get(key) ?? 0);
            before = after;
          }
        },
      ),
      { numRuns: 10 },
    );
  });
});

it('puts every duration on the right side of every bound', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40_000_000), { minLength: 1, maxLength: 50 }), (durations) => {
      const spans = durations.map(
        (durationUs): CountedSpan => ({ ...base, service: 's', name: 'n', durationUs, caller: null }),
      );
      for (const [key, count] of parseOpenMetrics(expose(spans))) {
        const le = /^traces_spanmetrics_latency_bucket\{.*le="([0-9.]+)"/.exec(key)?.[1];
        if (le) expect(count).toBe(durations.filter((us) => us <= Math.round(Number(le) * 1e6)).length);
      }
    }),
  );
});

async function send(spans: readonly TestSpan[]): Promise<void> {
  const headers = { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' };
  const url = 'https://edge.test/v1/traces';
  expect((await exports.default.fetch(url, { method: 'POST', headers, body: otlp(spans) })).status).toBe(200);
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

async function scrape(): Promise<{ text: string; samples: Map<string, number> }> {
  const headers = { authorization: 'Bearer test-read-key' };
  const answer = await exports.default.fetch('https://edge.test/metrics/red', { headers });
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  const text = new TextDecoder().decode(await answer.arrayBuffer());
  return { text, samples: parseOpenMetrics(text) };
}

it('counts every trace from one scrape to the next, with exemplars of kept ones', async () => {
  // Of a minute that is stored when shards start again, but of today.
  const startMs = Math.max(Date.now() - 180_000, Date.now() - (Date.now() % 86_400_000));
  const trace = (i: number): TestSpan[] => {
    const at = { traceId: randomTraceId(), startUs: startMs * 1000, error: i === 0, durationUs: 7_000 };
    return [
      { ...at, id: 1, service: 'front', name: 'GET /', kind: 2 },
      { ...at, id: 2, parent: 1, service: 'back', name: 'query', kind: 2, durationUs: 5_000 },
    ];
  };
  let before = new Map<string, number>();
  for (let round = 1; round <= 4; round++) {
    if (round === 3) await abortAllDurableObjects();
    await send(Array.from({ length: 10 }, (_, i) => trace(i)).flat());
    const { text, samples } = await scrape();
    expect(callsOf(samples, 'front')).toBe(10 * round);
    expect(samples.get('traces_service_graph_request_total{client="front",server="back"}')).toBe(10 * round);
    expect(samples.get('traces_service_graph_request_failed_total{client="front",server="back"}')).toBe(round);
    for (const [key, value] of before) expect(samples.get(key)).toBeGreaterThanOrEqual(value);
    // Traces with errors are kept.
    expect(text).toMatch(
      /traces_spanmetrics_latency_bucket\{service="front".*\} \d+ # \{trace_id="[0-9a-f]{32}"\} 0\.007 /,
    );
    before = samples;
  }
});
