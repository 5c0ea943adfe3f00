/** `tailrace/edge`: tracing for Cloudflare Workers. */

export { type LogFields, logFields } from '../propagation/log-fields.ts';
export { formatTraceparent, parseTraceparent, type TraceContext } from '../propagation/w3c.ts';
export { currentSpan } from './current-span.ts';
export { instrument } from './instrument.ts';
export type { EdgeOptions, Exporter } from './options.ts';
export type { Span } from './span.ts';
export { withSpan } from './with-span.ts';
