/** `tailrace`: tracing for web pages. */

export { attachProducer, type WorkerOptions, type WorkerTailrace } from './api/attach-producer.ts';
export type { InitOptions } from './api/options.ts';
export type { AttributeInput, Span, StatusCode } from './api/span.ts';
export type { Stats, Tailrace } from './api/tailrace.ts';
export type { SpanKind, SpanOptions, Tracer } from './api/tracer.ts';
export { init } from './init.ts';
export { type LogFields, logFields } from './propagation/log-fields.ts';
export { formatTraceparent, parseTraceparent, type TraceContext } from './propagation/w3c.ts';
export type { RecorderMode } from './recorder/mode.ts';
export { lowLatency, type Tuning, throughput } from './recorder/tuning.ts';
export { always, never } from './sampling/always.ts';
export { errorsAndSlow } from './sampling/errors-and-slow.ts';
export { parentBased } from './sampling/parent-based.ts';
export { perRoute, type Route } from './sampling/per-route.ts';
export { probability } from './sampling/probability.ts';
export { rateLimit } from './sampling/rate-limit.ts';
export { recordUnsampled } from './sampling/record-unsampled.ts';
export { sampleBy } from './sampling/sample-by.ts';
export type { SampledSpan, Sampler, Sampling, SamplingDecision, SamplingResult } from './sampling/sampler.ts';
