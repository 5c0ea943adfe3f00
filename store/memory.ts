import { cutName } from '../model/names.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { TraceSummary } from '../model/span.ts';
import { StoreError } from './errors.ts';
import { groupParts } from './group-parts.ts';
import { mergePart, type TraceDigest } from './merge.ts';
import type { SortKey, Store, StoredTrace, TracePart, TraceQuery } from './store.ts';

interface MemoryTrace {
  readonly digest: TraceDigest;
  readonly parts: readonly { blockKey: string; revision: number; otlp: Uint8Array }[];
}

/** The reference the other stores are tested against: what a store means, without any of its machinery. */
export function createMemoryStore(): Store {
  const traces = new Map<string, MemoryTrace>();
  const blocks = new Map<string, readonly TracePart[]>();

  async function write(blockKey: string, parts: readonly TracePart[]): Promise<void> {
    if (parts.length === 0) return;
    const grouped = groupParts(parts);
    const earlier = blocks.get(blockKey);
    if (earlier && !holdsSame(earlier, grouped)) {
      throw new StoreError('block_conflict', blockKey, 'the key already holds other traces');
    }
    blocks.set(blockKey, grouped);
    for (const part of grouped) {
      const known = traces.get(part.traceId);
      if (known?.parts.some((stored) => stored.blockKey === blockKey)) continue;
      const digest = mergePart(known?.digest ?? null, part);
      const stored = { blockKey, revision: part.revision, otlp: part.otlp.slice() };
      traces.set(part.traceId, { digest, parts: [...(known?.parts ?? []), stored] });
    }
  }

  async function get(traceId: string): Promise<StoredTrace | null> {
    const trace = traces.get(traceId);
    if (!trace) return null;
    const ordered = trace.parts.toSorted((a, b) => a.revision - b.revision || (a.blockKey < b.blockKey ? -1 : 1));
    return { summary: trace.digest.summary, otlp: concatBytes(ordered.map((part) => part.otlp)) };
  }

  async function search(query: TraceQuery): Promise<TraceSummary[]> {
    return [...traces.values()]
      .filter(({ digest }) => matches(digest, query))
      .map(({ digest }) => digest.summary)
      .sort(newestFirst)
      .slice(0, query.limit);
  }

  return { write, get, search };
}

function matches({ summary, operations }: TraceDigest, query: TraceQuery): boolean {
  if (summary.startUs < query.startUs || summary.startUs > query.endUs) return false;
  if (query.after && newestFirst(query.after, summary) >= 0) return false;
  if (query.minDurationUs !== undefined && summary.durationUs < query.minDurationUs) return false;
  if (query.maxDurationUs !== undefined && summary.durationUs > query.maxDurationUs) return false;
  if (query.status !== undefined && summary.status !== query.status) return false;
  const service = query.service === undefined ? undefined : cutName(query.service);
  if (query.operation === undefined) {
    if (service === undefined) return true;
    return summary.services.some(({ name }) => name === service) || operations.some(([name]) => name === service);
  }
  const operation = cutName(query.operation);
  return operations.some((pair) => pair[1] === operation && (service === undefined || pair[0] === service));
}

function newestFirst(a: SortKey, b: SortKey): number {
  return b.startUs - a.startUs || (a.traceId < b.traceId ? 1 : a.traceId > b.traceId ? -1 : 0);
}

function holdsSame(a: readonly TracePart[], b: readonly TracePart[]): boolean {
  const bytes = new Map(a.map((part) => [part.traceId, part.otlp]));
  return a.length === b.length && b.every(({ traceId, otlp }) => isEqual(bytes.get(traceId), otlp));
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a?.length === b.length && a.every((byte, i) => byte === b[i]);
}
