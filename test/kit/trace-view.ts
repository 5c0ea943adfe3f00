/** A trace view over plain spans, for tests of what reads views. */

import type { TraceView } from '../../durable-objects/trace-view.ts';
import type { Span } from '../../model/span.ts';

export interface ViewSpan {
  readonly service: string;
  readonly name: string;
  /** OTLP SpanKind, 0 to 5. */
  readonly kind: number;
  readonly startUs: number;
  /** 0 while it is open. */
  readonly endUs: number;
  /** Index of the parent in the same view, -1 for none. */
  readonly parent: number;
  readonly isError: boolean;
  readonly weight: number;
  readonly isMeasured: boolean;
}

/** Ids of operations as a shard gives them out: one set for all views that one reader sees. */
export class OperationIds {
  readonly #ids = new Map<string, number>();
  readonly #first: number;

  /** `first` tells apart the ids of two lives of a shard. */
  constructor(first = 0) {
    this.#first = first;
  }

  of(service: string, name: string): number {
    const key = JSON.stringify([service, name]);
    const id = this.#ids.get(key) ?? this.#first + this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }
}

/** What is not said of the trace follows from its spans, of which there is at least one. */
export function viewOf(
  spans: readonly ViewSpan[],
  ids: OperationIds,
  trace: Partial<
    Pick<TraceView, 'traceId' | 'randomHigh' | 'randomLow' | 'headProbability' | 'bytes' | 'decoded'>
  > = {},
): TraceView {
  const operations = spans.map(({ service, name }) => ids.of(service, name));
  const startUs = Math.min(...spans.map((span) => span.startUs));
  const endUs = Math.max(...spans.map((span) => Math.max(span.startUs, span.endUs)));
  const byStart = spans.map((_, i) => i).sort((a, b) => spans[a]!.startUs - spans[b]!.startUs);
  const root = byStart.find((i) => spans[i]!.parent < 0) ?? byStart[0]!;
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    randomHigh: 0,
    randomLow: 0,
    headProbability: 1,
    bytes: 100 * spans.length,
    decoded: (): readonly Span[] => [],
    ...trace,
    startUs,
    durationUs: endUs - startUs,
    spanCount: spans.length,
    errorCount: spans.filter(({ isError }) => isError).length,
    root,
    rootEnded: spans[root]!.parent < 0 && spans[root]!.endUs > 0,
    operation: (i) => operations[i]!,
    service: (i) => spans[i]!.service,
    name: (i) => spans[i]!.name,
    kind: (i) => spans[i]!.kind,
    isError: (i) => spans[i]!.isError,
    startUsOf: (i) => spans[i]!.startUs,
    endUsOf: (i) => spans[i]!.endUs,
    parent: (i) => spans[i]!.parent,
    weight: (i) => spans[i]!.weight,
    isMeasured: (i) => spans[i]!.isMeasured,
  };
}
