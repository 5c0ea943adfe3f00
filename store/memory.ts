import { decodeSpans } from '../model/otlp/decode.ts';
import { mergeTrace } from '../model/otlp/merge.ts';
import { matchesSearch } from '../model/query/matches-search.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { RetentionClass, TraceSummary } from '../model/span.ts';
import type { Grain } from '../model/statistics-sum.ts';
import { MAX_EXPORT_BYTES, TOMBSTONE_DAYS } from './bounds.ts';
import { StoreError } from './errors.ts';
import { exportTraces } from './export-traces.ts';
import { groupParts } from './group-parts.ts';
import { mergePart, type TraceDigest } from './merge.ts';
import { checkBlockKey } from './object-key.ts';
import { keyOf, pageOf } from './page.ts';
import { blockAge, checkDays, DAY_MS, decideBlock } from './retention.ts';
import type {
  ExpireOptions,
  ExpireReport,
  Period,
  ReadRollUp,
  RollUp,
  SortKey,
  StatisticsPage,
  StatisticsRow,
  Store,
  StorePage,
  StoreSearch,
  Tally,
  TallyGrid,
  TracePart,
  VersionedTrace,
} from './store.ts';
import { versionOf, withoutVersion } from './trace-version.ts';

interface MemoryTrace {
  readonly digest: TraceDigest;
  readonly parts: readonly { blockKey: string; revision: number; otlp: Uint8Array }[];
  /** What it was like after each transaction that changed it, the first one first. */
  readonly versions: readonly { readonly seq: number; readonly summary: TraceSummary }[];
}

interface MemoryBlock {
  /** What was written. */
  readonly content: readonly TracePart[];
  /** Traces that have not been taken out. */
  readonly present: Set<string>;
  readonly decidedMs: number;
  retention: RetentionClass;
  notBeforeMs: number;
}

/** The reference the other stores are tested against: what a store means, without any of its machinery. */
export function createMemoryStore(): Store {
  const traces = new Map<string, MemoryTrace>();
  const blocks = new Map<string, MemoryBlock>();
  const holds = new Map<string, number>();
  const erased = new Map<string, number>();
  const statistics = new Map<string, StatisticsRow>();
  let transactions = 0;
  const rollUps = new Map<string, RollUp>();
  /** The minute of each row that was written. */
  const written: number[] = [];

  async function write(blockKey: string, parts: readonly TracePart[]): Promise<void> {
    if (parts.length === 0) return;
    checkBlockKey(blockKey);
    const grouped = groupParts(parts);
    const earlier = blocks.get(blockKey);
    if (earlier && !holdsSame(earlier.content, grouped)) {
      throw new StoreError('block_conflict', blockKey, 'the key already holds other traces');
    }
    const block = earlier ?? {
      content: grouped.map((part) => ({ ...part, otlp: part.otlp.slice() })),
      present: new Set(grouped.map((part) => part.traceId)),
      notBeforeMs: 0,
      ...blockAge(grouped.map((part) => part.summary)),
    };
    blocks.set(blockKey, block);
    transactions++;
    for (const part of grouped) {
      if (erased.has(part.traceId)) block.present.delete(part.traceId);
      const known = traces.get(part.traceId);
      if (!block.present.has(part.traceId) || hasPart(known, blockKey)) continue;
      const digest = mergePart(known?.digest ?? null, part);
      const stored = { blockKey, revision: part.revision, otlp: part.otlp.slice() };
      const versions = [...(known?.versions ?? []), { seq: transactions, summary: digest.summary }];
      traces.set(part.traceId, { digest, parts: [...(known?.parts ?? []), stored], versions });
    }
  }

  async function getSince(traceId: string, known: string | null): Promise<VersionedTrace | 'unchanged' | null> {
    const trace = traces.get(traceId);
    if (!trace) return null;
    const { summary } = trace.digest;
    const parts = inOrder(trace.parts);
    const places = parts.map(({ blockKey, revision }) => [blockKey, revision]);
    const version = versionOf(summary, places);
    return version === known ? 'unchanged' : { summary, otlp: concatBytes(parts.map((part) => part.otlp)), version };
  }
  const get = async (traceId: string) => withoutVersion(await getSince(traceId, null));

  /** Every trace as it was when so many transactions had been, if it was there and is still. */
  function asOf(seq: number): { before: TraceSummary; trace: MemoryTrace }[] {
    return [...traces.values()].flatMap((trace) => {
      const { summary } = trace.versions.findLast((version) => version.seq <= seq) ?? {};
      return summary ? [{ before: summary, trace }] : [];
    });
  }

  function findAll(search: StoreSearch, seq: number): (SortKey & { readonly summary: TraceSummary })[] {
    return asOf(seq)
      .filter(({ before, trace }) => {
        const otlp = mergeTrace(concatBytes(inOrder(trace.parts).map((part) => part.otlp)));
        return matchesSearch(before, decodeSpans(otlp, 'kept'), search);
      })
      .map(({ before, trace }) => ({ ...keyOf(before), summary: trace.digest.summary }));
  }

  async function search(search: StoreSearch): Promise<StorePage> {
    const seq = Number(search.snapshot ?? transactions);
    const { traces: found, hasMore } = pageOf(findAll(search, seq), search);
    const page = found.map(({ summary, ...key }) => ({ key, summary }));
    return { traces: page, reached: hasMore ? page.at(-1)!.key : null, isCut: false, snapshot: String(seq) };
  }

  async function tally(search: StoreSearch, { startsUs, durationsUs }: TallyGrid): Promise<Tally> {
    const counts = startsUs.map(() => durationsUs.map(() => 0));
    for (const { startUs, durationUs } of findAll(search, transactions)) {
      const column = startsUs.findLastIndex((from) => from <= startUs);
      const row = durationsUs.findLastIndex((from) => from <= durationUs);
      counts[Math.max(0, column)]![Math.max(0, row)]!++;
    }
    return { counts, exact: true };
  }

  async function expire(options: ExpireOptions): Promise<ExpireReport> {
    const { nowMs, days, maxBlocks, dryRun } = options;
    checkDays(days);
    if (!dryRun) keepHouse(nowMs, options.statisticsDays);
    const due = [...blocks]
      .filter(([, { decidedMs, retention, notBeforeMs }]) => {
        return decidedMs + days[retention] * DAY_MS <= nowMs && notBeforeMs <= nowMs;
      })
      .sort(([aKey, a], [bKey, b]) => a.decidedMs - b.decidedMs || (aKey < bKey ? -1 : 1));
    const intended = { blocks: 0, traces: 0, bytes: 0 };
    let keptTraces = 0;
    for (const [blockKey, block] of due.slice(0, maxBlocks)) {
      const aging = [...block.present]
        .filter((traceId) => hasPart(traces.get(traceId), blockKey))
        .map((traceId) => {
          return { traceId, summary: traces.get(traceId)!.digest.summary, heldUntilMs: holds.get(traceId) ?? 0 };
        });
      const { leaving, staying, retention, notBeforeMs } = decideBlock(aging, block.decidedMs, options);
      intended.blocks += staying.size === 0 ? 1 : 0;
      intended.traces += leaving.size;
      intended.bytes += block.content
        .filter(({ traceId }) => block.present.has(traceId) && !staying.has(traceId))
        .reduce((sum, { otlp }) => sum + otlp.length, 0);
      keptTraces += staying.size;
      if (dryRun) continue;
      for (const traceId of leaving) traces.delete(traceId);
      if (staying.size === 0) blocks.delete(blockKey);
      for (const traceId of block.present) if (!staying.has(traceId)) block.present.delete(traceId);
      Object.assign(block, { retention, notBeforeMs });
    }
    const actual = dryRun ? { blocks: 0, traces: 0, bytes: 0 } : intended;
    return { intended, actual, keptTraces, failedBlocks: [], hasMore: due.length > maxBlocks };
  }

  function keepHouse(nowMs: number, statisticsDays: number): void {
    for (const [traceId, untilMs] of holds) if (untilMs <= nowMs) holds.delete(traceId);
    for (const [traceId, atMs] of erased) if (atMs <= nowMs - TOMBSTONE_DAYS * DAY_MS) erased.delete(traceId);
    for (const [key, { minuteMs }] of statistics) {
      if (minuteMs <= nowMs - statisticsDays * DAY_MS) statistics.delete(key);
    }
    for (const [key, { startMs }] of rollUps) {
      if (startMs <= nowMs - statisticsDays * DAY_MS) rollUps.delete(key);
    }
  }

  async function hold(traceId: string, untilMs: number | null): Promise<void> {
    if (untilMs === null) holds.delete(traceId);
    else holds.set(traceId, untilMs);
    for (const { blockKey } of traces.get(traceId)?.parts ?? []) {
      const block = blocks.get(blockKey);
      if (block) block.notBeforeMs = 0;
    }
  }

  async function erase(traceId: string, nowMs: number): Promise<void> {
    erased.set(traceId, nowMs);
    holds.delete(traceId);
    for (const { blockKey } of traces.get(traceId)?.parts ?? []) blocks.get(blockKey)?.present.delete(traceId);
    traces.delete(traceId);
  }

  async function writeStatistics(rows: readonly StatisticsRow[]): Promise<void> {
    for (const row of rows) {
      const key = JSON.stringify([row.minuteMs, row.shard]);
      const known = statistics.get(key);
      if (known && row.version <= known.version) continue;
      statistics.set(key, { ...row, data: row.data.slice() });
      written.push(row.minuteMs);
    }
  }

  async function readStatistics(
    fromMs: number,
    toMs: number,
    { grain, limit, afterShard = '' }: StatisticsPage = {},
  ): Promise<StatisticsRow[]> {
    return [...statistics.values()]
      .filter(({ minuteMs }) => minuteMs >= fromMs && minuteMs < toMs)
      .filter(({ minuteMs, shard }) => minuteMs > fromMs || shard > afterShard)
      .sort((a, b) => a.minuteMs - b.minuteMs || (a.shard < b.shard ? -1 : 1))
      .slice(0, limit)
      .map(({ services, ...row }) => (grain === 'service' && services ? { ...row, data: services } : row));
  }

  /** How many rows were ever written of a period. */
  function stampOf(startMs: number, lengthMs: number): number {
    return written.filter((minuteMs) => minuteMs >= startMs && minuteMs < startMs + lengthMs).length;
  }

  function isCurrent({ startMs, lengthMs, stamp }: Period): boolean {
    return stamp === stampOf(startMs, lengthMs);
  }

  async function findStaleRollUps(lengthMs: number, fromMs: number, toMs: number, limit: number): Promise<Period[]> {
    const minutes = [...statistics.values()].map(({ minuteMs }) => minuteMs);
    const starts = new Set(
      minutes.filter((each) => each >= fromMs && each < toMs).map((each) => each - (each % lengthMs)),
    );
    return [...starts]
      .sort((a, b) => b - a)
      .filter((startMs) => {
        const known = rollUps.get(`${lengthMs} ${startMs}`);
        return !known || !isCurrent(known);
      })
      .slice(0, limit)
      .map((startMs) => ({ lengthMs, startMs, stamp: stampOf(startMs, lengthMs) }));
  }

  async function writeRollUp(rollUp: RollUp): Promise<void> {
    if (isCurrent(rollUp)) rollUps.set(`${rollUp.lengthMs} ${rollUp.startMs}`, rollUp);
  }

  async function readRollUps(lengthMs: number, fromMs: number, toMs: number, grain: Grain): Promise<ReadRollUp[]> {
    return [...rollUps.values()]
      .filter((each) => each.lengthMs === lengthMs && each.startMs >= fromMs && each.startMs + lengthMs <= toMs)
      .filter(isCurrent)
      .sort((a, b) => a.startMs - b.startMs)
      .flatMap(({ startMs, services, operations }) => {
        const data = grain === 'service' ? services : operations;
        return data ? [{ startMs, data }] : [];
      });
  }

  const exportRange = (range: { startUs: number; endUs: number }) =>
    exportTraces({ get, search }, range, MAX_EXPORT_BYTES);
  return {
    write,
    get,
    getSince,
    search,
    count: async (search) => ({ count: findAll(search, transactions).length, exact: true }),
    tally,
    summaries: async (traceIds) => traceIds.flatMap((traceId) => traces.get(traceId)?.digest.summary ?? []),
    index: async () => ({ blocks: 0, segments: 0, hasMore: false }),
    expire,
    hold,
    erase,
    export: exportRange,
    writeStatistics,
    readStatistics,
    findStaleRollUps,
    writeRollUp,
    readRollUps,
  };
}

function inOrder(parts: MemoryTrace['parts']): MemoryTrace['parts'] {
  return parts.toSorted((a, b) => a.revision - b.revision || (a.blockKey < b.blockKey ? -1 : 1));
}

function hasPart(trace: MemoryTrace | undefined, blockKey: string): boolean {
  return trace?.parts.some((part) => part.blockKey === blockKey) ?? false;
}

function holdsSame(a: readonly TracePart[], b: readonly TracePart[]): boolean {
  const bytes = new Map(a.map((part) => [part.traceId, part.otlp]));
  return a.length === b.length && b.every(({ traceId, otlp }) => isEqual(bytes.get(traceId), otlp));
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a?.length === b.length && a.every((byte, i) => byte === b[i]);
}
