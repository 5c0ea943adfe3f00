/** `tailrace`: tracing for web pages. */

export { attachProducer, type WorkerTailrace } from './api/attach-producer.ts';
export type { InitOptions } from './api/options.ts';
export type { AttributeInput, Span, StatusCode } from './api/span.ts';
export type { Stats, Tailrace } from './api/tailrace.ts';
export type { SpanKind, SpanOptions, Tracer } from './api/tracer.ts';
export { init } from './init.ts';
export { formatTraceparent, parseTraceparent, type TraceContext } from './propagation/w3c.ts';
export type { RecorderMode } from './recorder/mode.ts';
export { lowLatency, type Tuning, throughput } from './recorder/tuning.ts';
