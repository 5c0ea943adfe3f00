/** Plain JSON spans. */

import fc from 'fast-check';
import { mutateJson } from './mutate.ts';
import { SOME_DAY_US } from './otlp.ts';
import { type FuzzProtocol, jsonBytes, post, textOf } from './protocol.ts';

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdefABCDEF'), { minLength: digits, maxLength: digits })
    .map((all) => all.join(''));
const text = fc.string({ unit: 'binary', maxLength: 20 });
const value = fc.oneof(
  text,
  fc.double(),
  fc.boolean(),
  fc.array(text, { maxLength: 3 }),
  fc.json().map((json) => JSON.parse(json)),
);
const attributes = fc.dictionary(text, value, { maxKeys: 4, noNullPrototype: true });

const span = (traceId: string, dayMs: number) => {
  const time = fc.nat(1_000_000).map((ms) => new Date(dayMs + ms).toISOString());
  return fc.record(
    {
      trace_id: fc.constant(traceId),
      span_id: hex(16),
      parent_id: fc.oneof(hex(16), fc.constant('')),
      operation_name: text,
      service_name: fc.constantFrom('till', 'stock', 'ä'),
      kind: fc.constantFrom('server', 'CLIENT', '', 'other'),
      start_time: time,
      end_time: fc.oneof(time, fc.constantFrom('', '0001-01-01T00:00:00Z')),
      attributes,
      resource_attributes: attributes,
      status: fc.record(
        { code: fc.constantFrom(0, 1, 2, 3, 'OK', 'ERROR', 'late'), message: text },
        { requiredKeys: [] },
      ),
      events: fc.array(fc.record({ name: text, timestamp: time, attributes }), { maxLength: 2 }),
    },
    { requiredKeys: ['trace_id', 'span_id', 'start_time'] },
  );
};

/** A third of the lists are of times that the edge takes. */
const request = fc
  .tuple(hex(32), fc.constantFrom(SOME_DAY_US / 1000, 0, SOME_DAY_US / 200))
  .chain(([traceId, dayMs]) => fc.array(span(traceId, dayMs), { minLength: 1, maxLength: 5 }))
  .chain((spans) =>
    fc.oneof(
      fc.constant<unknown>(spans),
      attributes.map((resource_attributes) => ({ spans, resource_attributes })),
    ),
  );

/** Both are told. */
interface Answer {
  readonly accepted: number;
  readonly rejected: number;
}

export const PLAIN_SPANS: FuzzProtocol = {
  name: 'spans',
  counted: 'spans',
  samples: (seed, numRuns) => fc.sample(request, { seed, numRuns }).map(jsonBytes),
  mutate: mutateJson,
  spansOf: (body) => {
    const request = JSON.parse(textOf(body));
    const spans = (Array.isArray(request) ? request : request.spans) as (Record<string, unknown> | null)[];
    return spans.map((span) => ({
      traceId: String(span?.trace_id).toLowerCase(),
      spanId: String(span?.span_id).toLowerCase(),
    }));
  },
  send: (edge, body) =>
    post(edge, '/v1/spans', 'application/json', body, (answer) => JSON.parse(textOf(answer)) as Answer),
};
