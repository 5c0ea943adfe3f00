/** What a document would have kept of the traces that a log still holds, settled or not, beside what was decided. */

import { concatBytes } from '../model/slice-frame.ts';
import type { Decision } from '../model/span.ts';
import type { Config } from './config.ts';
import { createSampler } from './decide.ts';
import { countDecision, type DryRunCount, dryRun } from './dry-run.ts';
import { Fold } from './fold.ts';
import { LiveTraces } from './live-traces.ts';
import type { Log, Place } from './log.ts';
import { IndexBuilder } from './log-index.ts';
import type { ShardDryRun } from './protocol.ts';
import {
  APPEND,
  APPEND_SLICES_AT,
  DECIDE,
  encodeAppend,
  LOG_ROW_VERSION,
  MOVE,
  readDecisions,
  readReceivedMs,
  readRow,
} from './records.ts';
import type { TraceView } from './trace-view.ts';
import { formatWords, type TraceWords } from './trace-words.ts';

/** A clock does not move while a shard computes, so time is bounded by what is looked at. */
export interface DryRunBounds {
  readonly maxTraces: number;
  readonly maxLogBytes: number;
}

export const DRY_RUN_BOUNDS: DryRunBounds = { maxTraces: 20_000, maxLogBytes: 64 * 1024 * 1024 };

const SLICE_HEADER_BYTES = 21;
/** Where the bucket that a moved slice came from stands before its frame. */
const MOVE_SLICES_AT = 4;

interface FoundTrace {
  readonly places: Place[];
  firstMs: number;
}

interface Found {
  readonly traces: ReadonlyMap<string, FoundTrace>;
  readonly decisions: ReadonlyMap<string, Decision>;
  readonly window: { readonly startMs: number; readonly endMs: number } | null;
  readonly isCut: boolean;
}

/** The newest traces of the log, up to the bounds. Those at the old end of a window that was cut may lack earlier spans. */
export function dryRunLog(log: Log, config: Config, nowMs: number, bounds = DRY_RUN_BOUNDS): ShardDryRun {
  const { traces, decisions, window, isCut } = collect(log, bounds);
  const did = new Map<string, DryRunCount>();
  const decided = (id: string, spans: number) => {
    const decision = decisions.get(id);
    if (decision) countDecision(did, decision, spans);
  };
  const would = dryRun(createSampler(config), views(log, traces, nowMs, decided));
  return { would, did: [...did.values()], window, traces: traces.size, isCut };
}

function collect(log: Log, { maxTraces, maxLogBytes }: DryRunBounds): Found {
  const traces = new Map<string, FoundTrace>();
  const decisions = new Map<string, Decision>();
  let [startMs, endMs, bytes] = [Number.POSITIVE_INFINITY, 0, 0];
  let isCut = false;
  const addSlices = (row: Uint8Array, start: number, end: number, bucket: number, rowId: number, atMs: number) => {
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    for (let at = start; at < end; ) {
      const word = (i: number) => view.getUint32(at + i * 4, true);
      const words: TraceWords = [word(0), word(1), word(2), word(3)];
      const next = at + SLICE_HEADER_BYTES + view.getUint32(at + 17, true);
      const id = formatWords(words);
      let trace = traces.get(id);
      if (!trace && traces.size < maxTraces) {
        trace = { places: [], firstMs: atMs };
        traces.set(id, trace);
      }
      if (trace) {
        trace.places.push({ bucket, row: rowId, start: at, end: next });
        trace.firstMs = Math.min(trace.firstMs, atMs);
        startMs = Math.min(startMs, atMs);
        endMs = Math.max(endMs, atMs);
      } else isCut = true;
      at = next;
    }
  };
  for (const bucket of log.buckets.toReversed()) {
    for (const { row, rowId } of log.rowsNewestFirst(bucket)) {
      bytes += row.length;
      if (bytes > maxLogBytes || isCut) {
        isCut = true;
        break;
      }
      for (const { type, start, end } of readRow(row)) {
        if (type === APPEND) {
          addSlices(row, start + APPEND_SLICES_AT, end, bucket.id, rowId, readReceivedMs(row, start));
        } else if (type === MOVE) {
          addSlices(row, start + MOVE_SLICES_AT, end, bucket.id, rowId, bucket.openedMs);
        } else if (type === DECIDE) {
          readDecisions(row, start, end, (_, { id, decision }) => {
            const key = formatWords(id);
            const known = decisions.get(key);
            if (!known || known.decidedUs <= decision.decidedUs) decisions.set(key, decision);
          });
        }
      }
    }
    if (isCut) break;
  }
  return { traces, decisions, window: traces.size > 0 ? { startMs, endMs } : null, isCut };
}

/** Each trace by itself, as it would be in memory; the earliest first. */
function* views(
  log: Log,
  traces: ReadonlyMap<string, FoundTrace>,
  nowMs: number,
  used: (id: string, spans: number) => void,
): Iterable<TraceView> {
  let row: Uint8Array = new Uint8Array();
  const readSlice = ({ start, end }: Place) => row.subarray(start, end);
  const live = new LiveTraces({
    seed: 0,
    nowMs,
    readSlice,
    findDecision: () => null,
    sliceIndex: new IndexBuilder(),
    seen: () => false,
  });
  const fold = new Fold({
    live,
    readSlice,
    decided: () => {},
    measure: () => {},
    learnGap: () => {},
    appended: () => {},
  });
  const sorted = [...traces].sort(([, a], [, b]) => a.firstMs - b.firstMs);
  for (const [id, { places, firstMs }] of sorted) {
    places.sort((a, b) => a.bucket - b.bucket || a.row - b.row || a.start - b.start);
    const slices = concatBytes(places.map((place) => log.read(place)));
    row = concatBytes([Uint8Array.of(LOG_ROW_VERSION), ...encodeAppend(firstMs, slices)]);
    fold.applyRow(row, 0, 0);
    const trace = live.find(id);
    const view = live.look(trace);
    yield view;
    used(id, view.spanCount);
    live.discard(trace);
  }
}
