import { concatBytes } from '../model/slice-frame.ts';
import { mergePart, type TraceDigest } from './merge.ts';
import type { TracePart } from './store.ts';

/**
 * Unites the parts of each trace, in order of revision, to one that covers the whole if one of them did: a block has one
 * entry a trace, which is what makes (block key, trace id) the identity of a part.
 * @throws RangeError when a number that D1 keeps as an integer is none
 */
export function groupParts(parts: readonly TracePart[]): TracePart[] {
  const byTrace = Map.groupBy(parts, (part) => part.traceId);
  return [...byTrace].map(([traceId, ofTrace]) => {
    const ordered = ofTrace.toSorted((a, b) => a.revision - b.revision);
    const digest = ordered.reduce<TraceDigest | null>((known, part) => mergePart(known, part), null)!;
    for (const [name, value] of [
      ['revision', digest.revision],
      ['startUs', digest.summary.startUs],
      ['durationUs', digest.summary.durationUs],
    ] as const) {
      if (!Number.isSafeInteger(value)) throw new RangeError(`store: ${name} of trace ${traceId} is ${value}`);
    }
    if (digest.summary.traceId !== traceId) throw new RangeError(`store: the summary of ${traceId} is another trace's`);
    const covers = ordered.some((part) => part.covers === 'whole') ? 'whole' : 'part';
    return { traceId, covers, otlp: concatBytes(ordered.map((part) => part.otlp)), ...digest };
  });
}
