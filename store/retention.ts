/** How long what is kept stays: by class, from the time of the decision. The same rules in every store. */

import { type Decision, RETENTION_CLASSES, type RetentionClass, type TraceSummary } from '../model/span.ts';

export const DAY_MS = 86_400_000;

/** Days from the decision, for each class; a longer class may not have fewer. */
export type RetentionDays = Readonly<Record<RetentionClass, number>>;

/** What was decided before there were classes, or never decided, is `hot`. */
export function retentionOf({ decision }: TraceSummary): RetentionClass {
  return decision?.retention ?? 'hot';
}

/** 0 for the shortest class. */
export function rankOf(retention: RetentionClass): number {
  return RETENTION_CLASSES.indexOf(retention);
}

/** `decision` with the longest class of the two; no class at all where neither has one. */
export function withLongest(decision: Decision | null, other: Decision | null): Decision | null {
  if (decision === null || other?.retention === undefined) return decision;
  if (decision.retention !== undefined && rankOf(decision.retention) >= rankOf(other.retention)) return decision;
  return { ...decision, retention: other.retention };
}

/** When the trace was decided, which retention counts from; of an undecided one its end. */
export function decidedMs(summary: TraceSummary): number {
  return Math.floor((summary.decision?.decidedUs ?? summary.startUs + summary.durationUs) / 1000);
}

/** When the trace may go. */
export function dueMs(summary: TraceSummary, days: RetentionDays): number {
  return decidedMs(summary) + days[retentionOf(summary)] * DAY_MS;
}

/** Class and age of a block: it falls due when the first of its traces may, and no trace in it was decided later. */
export function blockAge(summaries: readonly TraceSummary[]): { retention: RetentionClass; decidedMs: number } {
  const rank = Math.min(...summaries.map((summary) => rankOf(retentionOf(summary))));
  return {
    retention: RETENTION_CLASSES[rank] ?? 'hot',
    decidedMs: Math.max(...summaries.map(decidedMs)),
  };
}

/** @throws RangeError for days that are none, or fewer for a longer class */
export function checkDays({ hot, warm, cold }: RetentionDays): void {
  if (!(hot >= 0 && warm >= hot && cold >= warm && Number.isFinite(cold))) {
    throw new RangeError(
      `retention of ${hot}, ${warm}, ${cold} days: each class must be at least as long as the one before`,
    );
  }
}

/** A trace as expiry sees it. */
export interface AgingTrace {
  readonly traceId: string;
  readonly summary: TraceSummary;
  /** 0 when it is not held. */
  readonly heldUntilMs: number;
}

/** What becomes of a block whose class is over. */
export interface BlockFuture {
  readonly leaving: ReadonlySet<string>;
  readonly staying: ReadonlySet<string>;
  /** The shortest class of those that stay, which is the block's from now on. */
  readonly retention: RetentionClass;
  /** When to look at the block again, where its class does not say it; else 0. */
  readonly notBeforeMs: number;
}

export function decideBlock(
  traces: readonly AgingTrace[],
  blockDecidedMs: number,
  { nowMs, days }: { readonly nowMs: number; readonly days: RetentionDays },
): BlockFuture {
  const endMs = ({ summary, heldUntilMs }: AgingTrace) => Math.max(dueMs(summary, days), heldUntilMs);
  const staying = traces.filter((trace) => endMs(trace) > nowMs);
  const leaving = traces.filter((trace) => endMs(trace) <= nowMs);
  const { retention } = blockAge(staying.map(({ summary }) => summary));
  const isOver = blockDecidedMs + days[retention] * DAY_MS <= nowMs;
  return {
    leaving: new Set(leaving.map(({ traceId }) => traceId)),
    staying: new Set(staying.map(({ traceId }) => traceId)),
    retention,
    notBeforeMs: isOver && staying.length > 0 ? Math.min(...staying.map(endMs)) : 0,
  };
}
