import { estimateSkew } from '../skew.ts';
import type { Span } from '../span.ts';
import { buildTree } from '../tree.ts';
import { type JaegerTrace, toJaegerTrace } from './trace-json.ts';

/** A trace with its times on the root's clock, as Jaeger answers one; each span whose times are others than it sent says so. */
export function toAdjustedJaegerTrace(spans: readonly Span[]): JaegerTrace {
  const trace = toJaegerTrace(spans);
  const { clocks, clockOf } = estimateSkew(buildTree(spans));
  if (clocks.every(({ offsetUs }) => offsetUs === 0)) return trace;
  return {
    ...trace,
    // In the order of the tree, which is made of the same spans.
    spans: trace.spans.map((span, row) => {
      const offsetUs = Math.round(clocks[clockOf[row]!]!.offsetUs);
      if (offsetUs === 0) return span;
      return {
        ...span,
        startTime: span.startTime + offsetUs,
        logs: span.logs.map((log) => ({ ...log, timestamp: log.timestamp + offsetUs })),
        warnings: [...(span.warnings ?? []), `This span's timestamps were adjusted by ${offsetUs / 1000}ms`],
      };
    }),
  };
}
