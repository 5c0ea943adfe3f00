import { expect, it } from 'vitest';
import { logFields } from '../../../client/propagation/log-fields.ts';

it('names the ids as OpenTelemetry does, and is empty without a span', () => {
  const context = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', flags: 3 };
  expect(logFields({ context })).toEqual({ trace_id: context.traceId, span_id: context.spanId, trace_flags: '03' });
  expect({ ...logFields(null), message: 'x' }).toEqual({ message: 'x' });
  // What `currentSpan()` of a Worker gives outside of requests.
  expect(logFields({ context: { traceId: '0'.repeat(32), spanId: '0'.repeat(16), flags: 0 } })).toEqual({});
});
