import { estimateSkew } from '../skew.ts';
import type { Span } from '../span.ts';
import { buildTree } from '../tree.ts';
import { type JaegerSpan, type JaegerTrace, toJaegerTrace } from './trace-json.ts';

/**
 * A trace as Jaeger's query service answers it: ids of 64 bits in 16 digits, and unless it `isRaw` its times on the root's clock,
 * where each span whose times are others than it sent says so.
 */
export function toAnsweredTrace(spans: readonly Span[], isRaw: boolean): JaegerTrace {
  const trace = toJaegerTrace(spans);
  const offsets = isRaw ? null : offsetsOf(spans);
  return {
    ...trace,
    traceID: formatJaegerTraceId(trace.traceID),
    spans: trace.spans.map((span, row) => {
      const references = span.references.map((each) => ({ ...each, traceID: formatJaegerTraceId(each.traceID) }));
      const named = { ...span, traceID: formatJaegerTraceId(span.traceID), references };
      const offsetUs = offsets?.[row] ?? 0;
      return offsetUs === 0 ? named : adjust(named, offsetUs);
    }),
  };
}

/** 16 digits where the upper half is zero. */
export function formatJaegerTraceId(traceId: string): string {
  return traceId.startsWith('0'.repeat(16)) ? traceId.slice(16) : traceId;
}

/** By row of the tree, which a Jaeger trace has its spans in the order of. */
function offsetsOf(spans: readonly Span[]): number[] {
  const tree = buildTree(spans);
  const { clocks, clockOf } = estimateSkew(tree);
  return tree.spans.map((_, row) => Math.round(clocks[clockOf[row]!]!.offsetUs));
}

function adjust(span: JaegerSpan, offsetUs: number): JaegerSpan {
  return {
    ...span,
    startTime: span.startTime + offsetUs,
    logs: span.logs.map((log) => ({ ...log, timestamp: log.timestamp + offsetUs })),
    warnings: [...(span.warnings ?? []), `This span's timestamps were adjusted by ${offsetUs / 1000}ms`],
  };
}
