/**
 * How the parts of a trace become one summary. Pure, and the same in every store.
 *
 * A `whole` replaces what is there when its revision is higher; a `part` is added to it: counts sum, the time range
 * widens, services and operations unite. Parts alone may come in any order, and so may wholes.
 */

import { notesOf, toCompleteness } from '../model/completeness.ts';
import { cutName } from '../model/names.ts';
import type { ServiceCount, TraceSummary } from '../model/span.ts';
import { MAX_SERVICES_PER_SUMMARY } from './bounds.ts';
import { withLongest } from './retention.ts';
import type { TracePart } from './store.ts';

/** What a store knows of a trace besides its bytes. */
export interface TraceDigest {
  readonly revision: number;
  /** Of the newest part that covered the whole; null when none did. */
  readonly wholeRevision: number | null;
  readonly summary: TraceSummary;
}

/** The digest after a part of the trace came to what was known before, null when that was nothing. */
export function mergePart(known: TraceDigest | null, part: TracePart): TraceDigest {
  const digest: TraceDigest = {
    revision: part.revision,
    wholeRevision: part.covers === 'whole' ? part.revision : null,
    summary: boundSummary(part.summary),
  };
  if (known === null) return digest;
  if (part.covers === 'whole') {
    const [standing, other] = digest.revision > known.revision ? [digest, known] : [known, digest];
    return { ...standing, summary: keepLongest(standing.summary, other.summary) };
  }
  return {
    ...addDigests(known, digest),
    wholeRevision: known.wholeRevision,
  };
}

/** One digest of two that were made of different parts, in different databases. */
export function mergeDigests(a: TraceDigest, b: TraceDigest): TraceDigest {
  const [newer, older] = (a.wholeRevision ?? -Infinity) >= (b.wholeRevision ?? -Infinity) ? [a, b] : [b, a];
  // A whole counts everything that came before it, wherever that is.
  if (newer.wholeRevision !== null && (newer.wholeRevision > older.revision || older.wholeRevision !== null)) {
    return { ...newer, summary: keepLongest(newer.summary, older.summary) };
  }
  return { ...addDigests(a, b), wholeRevision: newer.wholeRevision };
}

function addDigests(a: TraceDigest, b: TraceDigest): Omit<TraceDigest, 'wholeRevision'> {
  return {
    revision: Math.max(a.revision, b.revision),
    summary: addSummaries(a.summary, b.summary),
  };
}

function addSummaries(a: TraceSummary, b: TraceSummary): TraceSummary {
  const [rooted] = [a, b].sort(byRootThenStart) as [TraceSummary, TraceSummary];
  const [decided] = [a, b].sort(byDecision) as [TraceSummary, TraceSummary];
  const startUs = Math.min(a.startUs, b.startUs);
  return {
    traceId: a.traceId,
    rootService: rooted.rootService,
    rootOperation: rooted.rootOperation,
    startUs,
    durationUs: Math.max(a.startUs + a.durationUs, b.startUs + b.durationUs) - startUs,
    spanCount: a.spanCount + b.spanCount,
    errorCount: a.errorCount + b.errorCount,
    services: boundServices(addServices(a.services, b.services)),
    status: a.status === 'error' || b.status === 'error' ? 'error' : 'ok',
    state: decided.state,
    decision: withLongest(decided.decision, (decided === a ? b : a).decision),
    completeness: toCompleteness({
      rootEnded: a.completeness.rootEnded || b.completeness.rootEnded,
      // The parts may answer each other's gaps, which nobody can tell here: never claim less than one of them missed.
      missingParents: Math.max(a.completeness.missingParents, b.completeness.missingParents),
      openSpans: Math.max(a.completeness.openSpans, b.completeness.openSpans),
      notes: [...notesOf(a.completeness), ...notesOf(b.completeness)],
    }),
  };
}

/** The class of a trace never becomes shorter, whatever else of a summary stands. */
function keepLongest(summary: TraceSummary, other: TraceSummary): TraceSummary {
  const decision = withLongest(summary.decision, other.decision);
  return decision === summary.decision ? summary : { ...summary, decision };
}

/**
 * The part with the ended root names the trace; without one, the earliest does. Of two roots, which no sound trace has, the
 * choice must not depend on the order they came in, nor on a start that merging has moved.
 */
function byRootThenStart(a: TraceSummary, b: TraceSummary): number {
  const isRooted = a.completeness.rootEnded;
  if (isRooted !== b.completeness.rootEnded) return isRooted ? -1 : 1;
  if (!isRooted && a.startUs !== b.startUs) return a.startUs - b.startUs;
  return compareText(a.rootService, b.rootService) || compareText(a.rootOperation, b.rootOperation);
}

/** The first decision stands: it is the one that let the trace in. */
function byDecision(a: TraceSummary, b: TraceSummary): number {
  const aUs = a.decision?.decidedUs ?? Number.POSITIVE_INFINITY;
  const bUs = b.decision?.decidedUs ?? Number.POSITIVE_INFINITY;
  if (aUs !== bUs) return aUs < bUs ? -1 : 1;
  return compareText(JSON.stringify(a.decision), JSON.stringify(b.decision)) || compareText(a.state, b.state);
}

function addServices(a: readonly ServiceCount[], b: readonly ServiceCount[]): ServiceCount[] {
  const sums = new Map<string, ServiceCount>();
  for (const { name, spanCount, errorCount } of [...a, ...b]) {
    const sum = sums.get(name);
    sums.set(name, {
      name,
      spanCount: spanCount + (sum?.spanCount ?? 0),
      errorCount: errorCount + (sum?.errorCount ?? 0),
    });
  }
  return [...sums.values()].sort((x, y) => compareText(x.name, y.name));
}

function boundSummary(summary: TraceSummary): TraceSummary {
  return {
    ...summary,
    rootService: cutName(summary.rootService),
    rootOperation: cutName(summary.rootOperation),
    services: boundServices(summary.services.map((service) => ({ ...service, name: cutName(service.name) }))),
  };
}

/** Those with the most spans stay, in the order they had. */
function boundServices(services: readonly ServiceCount[]): readonly ServiceCount[] {
  if (services.length <= MAX_SERVICES_PER_SUMMARY) return services;
  const largest = services.toSorted((a, b) => b.spanCount - a.spanCount || compareText(a.name, b.name));
  const kept = new Set(largest.slice(0, MAX_SERVICES_PER_SUMMARY));
  return services.filter((service) => kept.has(service));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
