/** `tailrace/edge`: tracing for Cloudflare Workers. */

export { currentSpan } from './current-span.ts';
export { instrument } from './instrument.ts';
export type { EdgeOptions, Exporter } from './options.ts';
export type { Span } from './span.ts';
export { withSpan } from './with-span.ts';
