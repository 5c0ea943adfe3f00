/** Trace parts for store tests: real OTLP, made from a few words. */

import { toCompleteness } from '../../model/completeness.ts';
import { parseHex } from '../../model/ids.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { RetentionClass, TraceSummary } from '../../model/span.ts';
import type { Store, StoreSearch, TracePart } from '../../store/store.ts';

export interface PartWords {
  readonly traceId: string;
  readonly revision?: number;
  readonly covers?: 'whole' | 'part';
  readonly startUs?: number;
  readonly durationUs?: number;
  readonly status?: 'ok' | 'error';
  /** Whether the root span is in it; a trace with a root is named by it. */
  readonly rootEnded?: boolean;
  readonly missingParents?: number;
  readonly decidedUs?: number;
  readonly retention?: RetentionClass;
  /** One span each. */
  readonly operations?: readonly (readonly [service: string, operation: string])[];
}

/** 32 hex digits ending in `n`; never zero. */
export function traceIdOf(n: number): string {
  return `aa${n.toString(16).padStart(30, '0')}`;
}

/** A query without conditions over all times. */
export const EVERYTHING: StoreSearch = {
  startUs: 0,
  endUs: Number.MAX_SAFE_INTEGER,
  attributes: [],
  order: 'newest',
  limit: 1_000,
  isOver: () => false,
};

/** The traces of a page. */
export async function find(store: Pick<Store, 'search'>, search: StoreSearch): Promise<readonly TraceSummary[]> {
  return (await store.search(search)).traces.map(({ summary }) => summary);
}

export function makePart(words: PartWords): TracePart {
  const { traceId, revision = 1, covers = 'whole' } = words;
  return { traceId, revision, covers, summary: makeSummary(words), otlp: makeOtlp(words) };
}

function makeSummary(words: PartWords): TraceSummary {
  const { traceId, startUs = 1_000, durationUs = 10, status = 'ok', operations = [['shop', 'GET /']] } = words;
  const { rootEnded = true, missingParents = 0, decidedUs = startUs + 100, retention } = words;
  const decided = {
    keep: true,
    rate: 4,
    reason: 'probability',
    policy: 'default',
    configVersion: 2,
    decidedUs,
  } as const;
  const services = [...Map.groupBy(operations, ([service]) => service)].map(([name, spans]) => ({
    name,
    spanCount: spans.length,
    errorCount: status === 'error' ? 1 : 0,
  }));
  return {
    traceId,
    rootService: operations[0]![0],
    rootOperation: operations[0]![1],
    startUs,
    durationUs,
    spanCount: operations.length,
    errorCount: status === 'error' ? services.length : 0,
    services,
    status,
    state: 'kept',
    decision: { ...decided, ...(retention && { retention }) },
    completeness: toCompleteness({ rootEnded, missingParents, openSpans: 0 }),
  };
}

function makeOtlp(words: PartWords): Uint8Array {
  const { operations = [['shop', 'GET /']] } = words;
  const byService = [...Map.groupBy(operations.entries(), ([, [service]]) => service)];
  return concatBytes(
    byService.map(([service, spans]) =>
      encodeTracesData(
        [['service.name', service]],
        spans.map(([i, [, name]]) => makeSpan(words, i, name)),
      ),
    ),
  );
}

/** The first span is the root of the others. */
function makeSpan({ traceId, revision = 1, startUs = 1_000, durationUs = 10 }: PartWords, i: number, name: string) {
  const spanIdOf = (n: number) => parseHex((revision * 10_000 + n + 1).toString(16).padStart(16, '0'))!;
  return {
    traceId: parseHex(traceId)!,
    spanId: spanIdOf(i),
    parentSpanId: i === 0 ? null : spanIdOf(0),
    name,
    kind: 2,
    startUs,
    endUs: startUs + durationUs,
    flags: 1,
    traceState: '',
    statusCode: 0,
    statusMessage: '',
    attributes: [],
    events: [],
    links: [],
    scope: 'test',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}
