/** Exporters of OpenTelemetry mark their own requests, so that nobody traces them. */

import { type Context, createContextKey } from '@opentelemetry/api';

/** The key that `@opentelemetry/core` makes of the same text. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

export function isSuppressed(context: Context): boolean {
  return context.getValue(SUPPRESS_TRACING) === true;
}
