/** `GET /metrics` in OpenMetrics text: what the isolates have counted and what the shards have, summed. */

import type { CurrentConfig } from '../durable-objects/config-source.ts';
import { addCounters, emptyCounters } from '../durable-objects/counters.ts';
import type { Env } from '../durable-objects/env.ts';
import { PRESSURE_NAMES } from '../durable-objects/pressure.ts';
import type { CounterDeltas, ShardMetrics } from '../durable-objects/protocol.ts';
import type { TraceShard } from '../durable-objects/trace-shard.ts';
import { COST_ITEMS, type CostCause, type CostItem, costKey, dollarsOf } from '../model/costs.ts';
import { SHARD_TIMEOUT_MS } from '../model/limits.ts';
import {
  CLIENT_COUNTS,
  CLIENT_DROP_REASONS,
  DECISION_REASONS,
  REJECTION_REASONS,
  REMOVAL_REASONS,
  REQUEST_REJECTION_REASONS,
  WORKER_DROP_REASONS,
} from '../model/reasons.ts';
import { within } from '../model/within.ts';
import { flushCounters, LATENCY_BOUNDS_MS, latencyKey, OUTCOMES, PROTOCOLS } from './counters.ts';
import { counter, type Family, gauge, renderFamilies, type Sample } from './openmetrics.ts';
import { allShards } from './routing.ts';

export async function renderMetrics(env: Env, config: CurrentConfig): Promise<string> {
  await flushCounters(env);
  const [ledger, services, control, answers] = await Promise.all([
    env.LEDGER.getByName('ledger').read(),
    env.LEDGER.getByName('ledger').services(),
    env.CONTROL.getByName('control').costs(),
    Promise.all(allShards(env, config).map(metricsOf)),
  ]);
  const shards = answers.filter((answer) => answer !== null);
  const unanswered = answers.length - shards.length;
  // A counter that falls looks as if it had begun anew, and what comes back after that as if it had just happened.
  const totals =
    unanswered > 0 ? null : shards.reduce((sum, { counters }) => addCounters(sum, counters), emptyCounters());
  const sum = (value: (shard: ShardMetrics) => number) => shards.reduce((total, shard) => total + value(shard), 0);
  const most = (value: (shard: ShardMetrics) => number) => Math.max(0, ...shards.map(value));
  const fromLedger = (name: string, label: string, values: readonly string[]) =>
    values.map((value): [string, number] => {
      const labels = `{${label}="${value}"}`;
      return [labels, ledger[`${name}_total${labels}`] ?? 0];
    });
  const byReason = (counts: Readonly<Record<string, number>> | undefined) =>
    DECISION_REASONS.map((reason): Sample => [`{reason="${reason}"}`, counts && (counts[reason] ?? 0)]);
  const families: Family[] = [
    {
      name: 'tailrace_spans_received',
      type: 'counter',
      help: 'Spans in requests that could be read: accepted, rejected or refused.',
      samples: fromLedger('tailrace_spans_received', 'protocol', PROTOCOLS),
    },
    ...ingestFamilies(ledger),
    counter('tailrace_spans_accepted', 'Spans that a shard has made durable, repeats included.', totals?.receivedSpans),
    {
      name: 'tailrace_spans_rejected',
      type: 'counter',
      help: 'Spans that were wrong in themselves, by reason.',
      samples: fromLedger('tailrace_spans_rejected', 'reason', REJECTION_REASONS),
    },
    {
      name: 'tailrace_span_parts_removed',
      type: 'counter',
      help: 'Attributes, events and links left out of spans, resources and scopes that were taken in, by reason.',
      samples: fromLedger('tailrace_span_parts_removed', 'reason', REMOVAL_REASONS),
    },
    counter(
      'tailrace_spans_refused',
      'Spans that could be read in requests refused as a whole: beyond the capacity, a shard full or silent, too large when cut by trace.',
      ledger.tailrace_spans_refused_total ?? 0,
    ),
    {
      name: 'tailrace_requests_rejected',
      type: 'counter',
      help: 'Ingest requests refused as a whole, by reason.',
      samples: fromLedger('tailrace_requests_rejected', 'reason', REQUEST_REJECTION_REASONS),
    },
    {
      name: 'tailrace_spans_dropped',
      type: 'counter',
      help: 'Spans that our SDKs report as lost before they were taken in, by reason.',
      samples: fromLedger('tailrace_spans_dropped', 'reason', [
        ...new Set([...CLIENT_DROP_REASONS, ...WORKER_DROP_REASONS]),
      ]),
    },
    {
      name: 'tailrace_page_spans',
      type: 'counter',
      help: 'What pages report of the spans they recorded: ended; sent, sent again, stored in the browser, each version counted.',
      samples: fromLedger('tailrace_page_spans', 'count', CLIENT_COUNTS),
    },
    counter(
      'tailrace_spans_merged',
      'Copies and further versions of spans that were already there.',
      totals?.mergedSpans,
    ),
    {
      name: 'tailrace_spans_decided',
      type: 'counter',
      help: 'Spans in decided traces, by the reason of the decision.',
      samples: byReason(totals?.decidedSpans),
    },
    {
      name: 'tailrace_traces_decided',
      type: 'counter',
      help: 'Traces decided for the first time, by reason.',
      samples: byReason(totals?.decidedTraces),
    },
    counter('tailrace_spans_revised', 'Spans turned from dropped to kept by a later decision.', totals?.revisedSpans),
    counter('tailrace_spans_stored', 'Spans in blocks whose summaries are written too.', totals?.storedSpans),
    counter('tailrace_parts_stored', 'Traces, or late parts of traces, written to the store.', totals?.storedParts),
    counter('tailrace_blocks_stored', 'Blocks written to the store.', totals?.storedBlocks),
    counter('tailrace_spans_unstorable', 'Kept spans that the store refuses for ever.', totals?.unstorableSpans),
    counter(
      'tailrace_spans_late',
      'Spans of traces that had been decided and had left memory when they came: they are not in the statistics.',
      totals?.lateSpans,
    ),
    counter('tailrace_spans_erased', 'Kept spans that were erased before they were stored.', totals?.erasedSpans),
    ...(['blocks', 'traces', 'bytes'] as const).map(
      (kind): Family => ({
        name: `tailrace_expired_${kind}`,
        type: 'counter',
        help: `Stored ${kind} that were due to expire, and those that went.`,
        samples: fromLedger(`tailrace_expired_${kind}`, 'count', ['intended', 'actual']),
      }),
    ),
    counter(
      'tailrace_expire_failures',
      'Blocks that could not be read when they were due to expire.',
      ledger.tailrace_expire_failures_total ?? 0,
    ),
    counter(
      'tailrace_indexed_blocks',
      'Blocks that a segment of the index covers, counted when it was written.',
      ledger.tailrace_indexed_blocks_total ?? 0,
    ),
    counter(
      'tailrace_index_segments',
      'Segments of the index that were written, those merged of others included.',
      ledger.tailrace_index_segments_total ?? 0,
    ),
    gauge('tailrace_services', 'Services that are live.', services.filter(({ live }) => live).length),
    gauge(
      'tailrace_instances',
      'Instances of services seen within a day that have not said goodbye.',
      services.reduce((total, { instances }) => total + instances, 0),
    ),
    ...costFamilies((item, by) => {
      if (by === 'shard') return unanswered > 0 ? undefined : sum((shard) => shard.costs[item]);
      return by === 'control' ? control[item] : (ledger[costKey(item, by)] ?? 0);
    }),
    gauge(
      'tailrace_live_traces',
      'Traces not decided yet.',
      sum((shard) => shard.liveTraces),
    ),
    gauge(
      'tailrace_moved_traces',
      'Traces in memory whose slots belong to another shard by now.',
      sum((shard) => shard.movedTraces),
    ),
    gauge(
      'tailrace_live_spans',
      'Spans not decided yet.',
      sum((shard) => shard.liveSpans),
    ),
    gauge(
      'tailrace_live_bytes',
      'Memory that live traces take.',
      sum((shard) => shard.liveBytes),
    ),
    gauge(
      'tailrace_outbox_traces',
      'Kept traces on their way to the store.',
      sum((shard) => shard.outboxTraces),
    ),
    gauge(
      'tailrace_outbox_spans',
      'Spans of kept traces on their way to the store.',
      sum((shard) => shard.outboxSpans),
    ),
    gauge(
      'tailrace_oldest_unstored_seconds',
      'How long ago the oldest kept trace that is not stored was decided.',
      most((shard) => shard.oldestUnstoredMs) / 1000,
    ),
    gauge(
      'tailrace_log_bytes',
      'Bytes in the logs of all shards.',
      sum((shard) => shard.logBytes),
    ),
    gauge(
      'tailrace_store_failures',
      'Failed tries in a row to store the current blocks.',
      sum((shard) => shard.storeFailures),
    ),
    gauge(
      'tailrace_store_circuits_open',
      'Shards that try one block at a time because the store has failed them.',
      sum((shard) => Number(shard.isStoreOpen)),
    ),
    {
      name: 'tailrace_shards',
      type: 'gauge',
      help: 'Shards by what they give up for want of memory.',
      samples: PRESSURE_NAMES.map((name, level) => [
        `{pressure="${name}"}`,
        sum((shard) => Number(shard.pressure === level)),
      ]),
    },
    gauge(
      'tailrace_shards_unanswered',
      'Shards that have not answered: gauges are of the others, and what all of them count is left out.',
      unanswered,
    ),
    gauge(
      'tailrace_traces_decided_early',
      'Traces decided before they were complete for want of memory, since the shards started.',
      sum((shard) => shard.earlyTraces),
    ),
    gauge(
      'tailrace_appends_refused',
      'Appends that shards have refused since they started.',
      sum((shard) => shard.refusedAppends),
    ),
    gauge(
      'tailrace_decisions_remembered',
      'Decisions of traces that have left memory and are still known.',
      sum((shard) => shard.rememberedDecisions),
    ),
    gauge(
      'tailrace_decisions_forgotten',
      'Decisions forgotten early for want of room, since the shards started.',
      sum((shard) => shard.forgottenDecisions),
    ),
    gauge(
      'tailrace_operations_other',
      'Times a name was taken as `other`, since the shards started.',
      sum((shard) => shard.otherOperations),
    ),
    {
      name: 'tailrace_statistics_spans',
      type: 'gauge',
      help: 'Spans in the statistics since the shards started: all, those counted in the minute they came, and those of `other` operations.',
      samples: [
        ['{count="measured"}', sum((shard) => shard.statistics.measuredSpans)],
        ['{count="clamped"}', sum((shard) => shard.statistics.clampedSpans)],
        ['{count="other"}', sum((shard) => shard.statistics.otherSpans)],
      ],
    },
    gauge(
      'tailrace_statistics_lost_minutes',
      'Minutes of a shard whose statistics were given up because D1 was away for too long, since the shards started.',
      sum((shard) => shard.statistics.lostMinutes),
    ),
  ];
  return renderFamilies(families);
}

/** null for a shard that failed or did not answer in time. */
async function metricsOf(shard: DurableObjectStub<TraceShard>): Promise<ShardMetrics | null> {
  try {
    return await within(SHARD_TIMEOUT_MS, shard.metrics());
  } catch (error) {
    console.error(`a shard failed to give its metrics: ${(error as Error).message}`);
    return null;
  }
}

/** What became of spans and their bytes by the protocol they came in, and how long requests took. */
function ingestFamilies(ledger: CounterDeltas): Family[] {
  const byOutcome = (unit: 'spans' | 'bytes', help: string): Family => ({
    name: `tailrace_ingest_${unit}`,
    type: 'counter',
    help,
    samples: PROTOCOLS.flatMap((protocol) =>
      OUTCOMES.map((outcome): [string, number] => {
        const labels = `{protocol="${protocol}",outcome="${outcome}"}`;
        return [labels, ledger[`tailrace_ingest_${unit}_total${labels}`] ?? 0];
      }),
    ),
  });
  return [
    byOutcome(
      'spans',
      'Spans in requests that could be read, by protocol and what became of them, as the Workers count.',
    ),
    byOutcome(
      'bytes',
      'Bytes of the same as OTLP protobuf, decompressed; what is around all spans counts as accepted or refused.',
    ),
    {
      name: 'tailrace_ingest_seconds',
      type: 'histogram',
      help: 'Requests that could be read, from when the body was there until their spans were durable or refused.',
      samples: PROTOCOLS.flatMap((protocol) => {
        let count = 0;
        const buckets = [...LATENCY_BOUNDS_MS, undefined].map((ms): [string, number] => {
          count += ledger[latencyKey(protocol, ms)] ?? 0;
          return [`_bucket{protocol="${protocol}",le="${ms === undefined ? '+Inf' : ms / 1000}"}`, count];
        });
        const seconds = (ledger[`tailrace_ingest_milliseconds{protocol="${protocol}"}`] ?? 0) / 1000;
        return [...buckets, [`_count{protocol="${protocol}"}`, count], [`_sum{protocol="${protocol}"}`, seconds]];
      }),
    },
  ];
}

/** What is billed, by who causes it, and the dollars of each item. */
function costFamilies(count: (item: CostItem, by: CostCause) => number | undefined): Family[] {
  const causes = (item: CostItem): readonly CostCause[] => {
    if (item === 'worker_requests') return ['worker'];
    return item.startsWith('object_') ? ['shard', 'ledger', 'control'] : ['worker', 'shard'];
  };
  const items = COST_ITEMS.map(
    (item): Family => ({
      name: `tailrace_cost_${item}`,
      type: 'counter',
      help: `Billed: ${item.replaceAll('_', ' ')} (docs/operating.md).`,
      samples: causes(item).map((by) => [`{by="${by}"}`, count(item, by)]),
    }),
  );
  const dollars = (item: CostItem) => {
    const counts = causes(item).map((by) => count(item, by));
    if (counts.includes(undefined)) return undefined;
    return dollarsOf(
      item,
      counts.reduce<number>((sum, each) => sum + each!, 0),
    );
  };
  return [
    ...items,
    {
      name: 'tailrace_cost_dollars',
      type: 'counter',
      help: 'The same by the price list, beyond what a plan includes; without CPU time and storage.',
      samples: COST_ITEMS.map((item) => [`{item="${item}"}`, dollars(item)]),
    },
  ];
}
