/**
 * What a shard must know of each span of a live trace: enough to tell whether the trace is complete, to decide it and
 * to summarize it. Attributes stay in the log.
 */

import { MAX_OPERATIONS_PER_TRACE } from '../model/limits.ts';
import { cutName } from '../model/names.ts';
import { KEY_SUFFIXES, mergedRows, spanIdOf, spanKey } from '../model/otlp/merge.ts';
import { scanTraces } from '../model/otlp/scan.ts';
import type { Completeness, ServiceCount, TraceSummary } from '../model/span.ts';

interface SpanHeader {
  readonly service: string;
  readonly name: string;
  /** Span id of the parent, or null. */
  readonly parent: string | null;
  readonly startUs: number;
  /** 0 while the span is open. */
  readonly endUs: number;
  readonly isError: boolean;
  /** Size of this version, for choosing between versions. */
  readonly bytes: number;
}

/** What the spans themselves tell of a trace's summary. */
export type SpanFacts = Omit<TraceSummary, 'traceId' | 'state' | 'decision'>;

/** What `after` counts beyond `before`, for a store that adds; everything else is as it is after. */
export function factsSince(before: SpanFacts, after: SpanFacts): SpanFacts {
  return {
    ...after,
    spanCount: after.spanCount - before.spanCount,
    // A later version of a span may take an error back; what was added before stays.
    errorCount: Math.max(0, after.errorCount - before.errorCount),
    services: after.services.map((service) => {
      const known = before.services.find(({ name }) => name === service.name);
      return {
        name: service.name,
        spanCount: Math.max(0, service.spanCount - (known?.spanCount ?? 0)),
        errorCount: Math.max(0, service.errorCount - (known?.errorCount ?? 0)),
      };
    }),
  };
}

export class SpanHeaders {
  /** By span key, which is the span id and what tells its halves apart. */
  private readonly spans = new Map<string, SpanHeader>();
  private readonly missingParents = new Set<string>();
  private openSpans = 0;
  private endedRoots = 0;

  get size(): number {
    return this.spans.size;
  }

  get completeness(): Completeness {
    return { rootEnded: this.endedRoots > 0, missingParents: this.missingParents.size, openSpans: this.openSpans };
  }

  /** Takes a slice's spans in and returns how many it has, copies included. `seen` hears of each service and name. */
  add(otlp: Uint8Array, seen: (service: string, operation: string) => void = () => {}): number {
    const table = scanTraces(otlp);
    for (const i of mergedRows(table)) {
      const parentAt = table.parentIdAt[i]!;
      const header: SpanHeader = {
        service: cutName(table.service(i)),
        name: cutName(table.name(i)),
        parent: parentAt === -1 ? null : spanIdOf(table, i, parentAt),
        startUs: table.startUs[i]!,
        endUs: table.endUs[i]!,
        isError: table.status[i] === 2,
        bytes: table.end[i]! - table.start[i]!,
      };
      this.addSpan(spanKey(table, i), spanIdOf(table, i), header);
      seen(header.service, header.name);
    }
    return table.count;
  }

  /** When the earliest span without a parent started, microseconds since the epoch; null when there is none. */
  get rootStartUs(): number | null {
    let startUs: number | null = null;
    for (const span of this.spans.values()) {
      if (span.parent === null && (startUs === null || span.startUs < startUs)) startUs = span.startUs;
    }
    return startUs;
  }

  facts(): SpanFacts {
    let root: SpanHeader | null = null;
    let startUs = Number.POSITIVE_INFINITY;
    let endUs = 0;
    let errorCount = 0;
    const services = new Map<string, { name: string; spanCount: number; errorCount: number }>();
    for (const span of this.spans.values()) {
      if (isBetterRoot(root, span)) root = span;
      startUs = Math.min(startUs, span.startUs);
      endUs = Math.max(endUs, span.startUs, span.endUs);
      if (span.isError) errorCount++;
      const service = services.get(span.service) ?? { name: span.service, spanCount: 0, errorCount: 0 };
      service.spanCount++;
      if (span.isError) service.errorCount++;
      services.set(span.service, service);
    }
    return {
      rootService: root?.service ?? 'unknown_service',
      rootOperation: root?.name ?? '',
      startUs: root ? startUs : 0,
      durationUs: root ? endUs - startUs : 0,
      spanCount: this.spans.size,
      errorCount,
      services: [...services.values()] satisfies ServiceCount[],
      status: errorCount > 0 ? 'error' : 'ok',
      completeness: this.completeness,
    };
  }

  /** True when a span satisfies the predicate. */
  some(predicate: (span: { readonly service: string; readonly name: string }) => boolean): boolean {
    for (const span of this.spans.values()) if (predicate(span)) return true;
    return false;
  }

  /** Distinct pairs of service and span name, at most `MAX_OPERATIONS_PER_TRACE`. */
  operations(): [service: string, operation: string][] {
    const pairs = new Map<string, [string, string]>();
    for (const { service, name } of this.spans.values()) {
      if (pairs.size >= MAX_OPERATIONS_PER_TRACE) break;
      pairs.set(`${service}\0${name}`, [service, name]);
    }
    return [...pairs.values()];
  }

  private addSpan(key: string, id: string, header: SpanHeader): void {
    const old = this.spans.get(key);
    if (old) {
      const isBetter = old.endUs > 0 === header.endUs > 0 ? header.bytes > old.bytes : header.endUs > 0;
      if (!isBetter) return;
      this.count(old, -1);
    } else {
      this.missingParents.delete(id);
    }
    this.spans.set(key, header);
    this.count(header, 1);
    if (header.parent !== null && !this.has(header.parent)) this.missingParents.add(header.parent);
  }

  private has(id: string): boolean {
    return KEY_SUFFIXES.some((suffix) => this.spans.has(id + suffix));
  }

  private count(header: SpanHeader, sign: 1 | -1): void {
    if (header.endUs === 0) this.openSpans += sign;
    else if (header.parent === null) this.endedRoots += sign;
  }
}

/** A root before a span with a parent, then the earlier one. */
function isBetterRoot(current: SpanHeader | null, candidate: SpanHeader): boolean {
  if (!current) return true;
  if ((current.parent === null) !== (candidate.parent === null)) return candidate.parent === null;
  return candidate.startUs < current.startUs;
}
