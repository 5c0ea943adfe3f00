/**
 * All that a trace tells by itself, as the API answers it: its tree in display order on one clock, what it waited for, where it
 * failed. Indices of rows, operations and clocks are those of the lists. Times and durations are whole microseconds.
 */

import { CLOCK_TICK_US, type Clock } from './clock-bounds.ts';
import type { CompleteTree } from './complete-tree.ts';
import { completeTree } from './complete-tree.ts';
import { concurrency } from './concurrency.ts';
import { criticalPath } from './critical-path.ts';
import { errorChain } from './error-chain.ts';
import type { Histogram } from './histogram.ts';
import { type Hop, networkTimes } from './network-time.ts';
import { percentileRanks } from './percentile-rank.ts';
import { selfTimes } from './self-time.ts';
import { type ClockOffset, type ClockSkew, estimateSkew } from './skew.ts';
import type { Span, SpanKind, SpanState, StatusCode, Trace } from './span.ts';
import { type SpanTimes, spanTimes } from './span-times.ts';
import { traceGaps } from './trace-gaps.ts';
import { type NodeMark, serviceOf } from './tree.ts';
import { uncovered } from './uncovered.ts';

/** Gaps that are told: the longest, from this share of the trace. */
const MAX_GAPS = 100;
const LEAST_GAP_SHARE = 0.01;

export interface TimelineOperation {
  readonly service: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Spans that its statistics counted, and what they took; absent where there are none. */
  readonly statistics?: {
    readonly spans: number;
    readonly p50Us: number;
    readonly p95Us: number;
    readonly p99Us: number;
  };
}

/** What is added to a clock's times to have them on the reference's; see `skew.ts`. A bound that is not known is null. */
export interface TimelineClock extends Clock {
  readonly reference: number;
  readonly offsetUs: number;
  readonly minUs: number | null;
  readonly maxUs: number | null;
  readonly uncertaintyUs: number | null;
  readonly confidence: number;
}

export interface TimelineRow {
  readonly spanId: string;
  readonly operation: number;
  /** Row of the parent; -1 at the top. */
  readonly parent: number;
  readonly depth: number;
  /** From the trace's start, with the offset of its clock. */
  readonly offsetUs: number;
  /** As it was recorded; absent of a synthetic span. */
  readonly startUs?: number;
  /** As it was recorded; absent until the span ended. Of a synthetic span that of its children. */
  readonly durationUs?: number;
  /** Absent of a synthetic span. */
  readonly clock?: number;
  /** How long it ran without a child of its own running; and how long of the critical path is its own, where any is. */
  readonly selfUs: number;
  readonly criticalUs?: number;
  /** Share of its operation's spans that were shorter, 0 to 100; absent where there are no statistics, or no end. */
  readonly percentile?: number;
  /** Absent: `unset`. */
  readonly status?: StatusCode;
  /** Absent: `ended`. */
  readonly state?: SpanState;
  /** It was not received: others name it as their parent. */
  readonly synthetic?: true;
  /** Why it stands at the top although it names a parent. */
  readonly mark?: Exclude<NodeMark, 'none'>;
  /** How often it was received, where that is more than once. */
  readonly versions?: number;
}

/** A stretch of time of a row's span. */
export interface TimelineStretch {
  readonly row: number;
  readonly offsetUs: number;
  readonly durationUs: number;
}

export interface Timeline {
  /** The first start and the last that is known, on the root's clock; both 0 when there are no spans. */
  readonly startUs: number;
  readonly durationUs: number;
  /** No root was received. */
  readonly headless: boolean;
  /** Versions of spans that were left out because a better one is among the rows. */
  readonly duplicates: number;
  readonly operations: readonly TimelineOperation[];
  readonly clocks: readonly TimelineClock[];
  readonly rows: readonly TimelineRow[];
  /** What the first row's span waited for, in order of time, without gap or overlap. */
  readonly criticalPath: readonly TimelineStretch[];
  /** Rows from where a failure came from up to the top. */
  readonly errorChain: readonly number[];
  /** Where spans that have children had none running, the longest first: at most 100, each at least 1 % of the trace and a millisecond. */
  readonly gaps: readonly TimelineStretch[];
  /** From each moment until the next, how many spans did something themselves. */
  readonly concurrency: readonly { readonly offsetUs: number; readonly spans: number }[];
  readonly hops: readonly Hop[];
}

/** The answer of `GET /api/traces/{id}/timeline`. */
export type TimelineAnswer = Omit<Trace, 'spans'> & {
  /** The minutes that statistics and percentiles are of, from the first to before the second; null where they could not be read. */
  readonly statistics: { readonly startUs: number; readonly endUs: number } | null;
} & Timeline;

/** Durations of an operation's spans; null where none were counted. */
export type DurationsOf = (operation: Omit<TimelineOperation, 'statistics'>) => Histogram | null;

/** The timeline of spans; `versions` are all that were received of them. O(n log n), nothing recurses. */
export function toTimeline(spans: readonly Span[], durationsOf: DurationsOf, versions = spans): Timeline {
  const tree = completeTree(spans, versions);
  const skew = estimateSkew(tree);
  const times = spanTimes(tree, skew);
  let [startUs, endUs] = tree.spans.length === 0 ? [0, 0] : [times.startUs[0]!, times.endUs[0]!];
  for (let row = 1; row < tree.spans.length; row++) {
    startUs = Math.min(startUs, times.startUs[row]!);
    endUs = Math.max(endUs, times.endUs[row]!);
  }
  const durationUs = endUs - startUs;
  const stretch = (each: { readonly row: number; readonly startUs: number; readonly endUs: number }) => ({
    row: each.row,
    offsetUs: each.startUs - startUs,
    durationUs: each.endUs - each.startUs,
  });
  const path = criticalPath(tree, times).map(stretch);
  const own = uncovered(tree, times);
  const gaps = traceGaps(tree, times, Math.max(CLOCK_TICK_US, LEAST_GAP_SHARE * durationUs), own);
  const operations = new Operations(durationsOf);
  return {
    startUs,
    durationUs,
    headless: tree.headless,
    duplicates: tree.duplicates,
    rows: toRows({ tree, skew, times }, startUs, path, selfTimes(tree, times, own), operations),
    operations: operations.list,
    clocks: skew.clocks.map(toClock),
    criticalPath: path,
    errorChain: errorChain(tree),
    gaps: gaps.slice(0, MAX_GAPS).map(stretch),
    concurrency: concurrency(tree, times, own).map((step) => ({ offsetUs: step.atUs - startUs, spans: step.spans })),
    hops: networkTimes(tree),
  };
}

interface Placed {
  readonly tree: CompleteTree;
  readonly skew: ClockSkew;
  readonly times: SpanTimes;
}

function toRows(
  { tree, skew, times }: Placed,
  traceStartUs: number,
  path: readonly TimelineStretch[],
  selfUs: Float64Array,
  operations: Operations,
): TimelineRow[] {
  const criticalUs = new Float64Array(tree.spans.length);
  for (const { row, durationUs } of path) criticalUs[row] = criticalUs[row]! + durationUs;
  return tree.spans.map((span, row) => {
    const isSynthetic = tree.synthetic[row] === 1;
    const operation = operations.indexOf(span);
    const entry: { -readonly [Field in keyof TimelineRow]: TimelineRow[Field] } = {
      spanId: span.spanId,
      operation,
      parent: tree.parent[row]!,
      depth: tree.depth[row]!,
      offsetUs: times.startUs[row]! - traceStartUs,
      selfUs: selfUs[row]!,
    };
    if (isSynthetic) entry.synthetic = true;
    else {
      entry.startUs = span.startUs;
      entry.clock = skew.clockOf[row]!;
    }
    if (span.durationUs !== undefined) {
      entry.durationUs = isSynthetic ? times.endUs[row]! - times.startUs[row]! : span.durationUs;
      const percentile = operations.percentile(operation, span.durationUs);
      if (percentile !== undefined) entry.percentile = percentile;
    }
    if (criticalUs[row]! > 0) entry.criticalUs = criticalUs[row]!;
    if (span.status.code !== 'unset') entry.status = span.status.code;
    if (span.state !== 'ended') entry.state = span.state;
    const mark = tree.mark[row]!;
    if (mark !== 'none') entry.mark = mark;
    if (tree.versions[row]! > 1) entry.versions = tree.versions[row]!;
    return entry;
  });
}

/** The operations of a trace's spans in the order in which the rows first have them. */
class Operations {
  readonly list: TimelineOperation[] = [];
  readonly #indices = new Map<string, number>();
  readonly #ranks: (((durationUs: number) => number) | undefined)[] = [];
  readonly #durationsOf: DurationsOf;

  constructor(durationsOf: DurationsOf) {
    this.#durationsOf = durationsOf;
  }

  indexOf(span: Span): number {
    const { name, kind } = span;
    const service = serviceOf(span);
    // The length keeps names apart, whatever is in them.
    const key = `${kind} ${service.length} ${service}${name}`;
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    const index = this.list.length;
    const durations = this.#durationsOf({ service, name, kind });
    const hasAny = durations !== null && durations.count > 0;
    const statistics = hasAny ? { statistics: toStatistics(durations) } : {};
    this.list.push({ service, name, kind, ...statistics });
    this.#ranks.push(hasAny ? percentileRanks(durations) : undefined);
    this.#indices.set(key, index);
    return index;
  }

  percentile(operation: number, durationUs: number): number | undefined {
    return this.#ranks[operation]?.(durationUs);
  }
}

function toStatistics(durations: Histogram) {
  const at = (share: number) => Math.round(durations.quantile(share)!.estimateUs);
  return { spans: Math.round(durations.count), p50Us: at(0.5), p95Us: at(0.95), p99Us: at(0.99) };
}

/** JSON has no infinity. */
function toClock({ service, instance, reference, offsetUs, confidence, ...bounds }: ClockOffset): TimelineClock {
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    service,
    instance,
    reference,
    offsetUs,
    minUs: finite(bounds.minUs),
    maxUs: finite(bounds.maxUs),
    uncertaintyUs: finite(bounds.uncertaintyUs),
    confidence: Math.round(1_000 * confidence) / 1_000,
  };
}
