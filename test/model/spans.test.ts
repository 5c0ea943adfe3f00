import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import { TooManyError } from '../../model/otlp/proto-reader.ts';
import { encodeJsonSpans } from '../../model/spans/json.ts';

const span = { trace_id: '1'.repeat(32), span_id: '2'.repeat(16), start_time: '2026-09-21T11:33:20Z' };

describe('encodeJsonSpans', () => {
  it('gives each resource what is common to all, unless it says otherwise', () => {
    const { otlp } = encodeJsonSpans({
      resource_attributes: { 'service.name': 'common', zone: 'a' },
      spans: [span, { ...span, service_name: 'own' }, { ...span, resource_attributes: { zone: 'b' } }, span],
    });
    const { resourceSpans } = fromBinary(TracesDataSchema, otlp);
    const seen = resourceSpans.map(({ resource, scopeSpans }) => [
      Object.fromEntries(resource!.attributes.map(({ key, value }) => [key, value!.value.value])),
      scopeSpans[0]!.spans.length,
    ]);
    expect(seen).toEqual([
      [{ 'service.name': 'common', zone: 'a' }, 2],
      [{ 'service.name': 'own', zone: 'a' }, 1],
      [{ 'service.name': 'common', zone: 'b' }, 1],
    ]);
  });

  it('rejects a span with a value that is nested too deeply to be written', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown;
    const { rejections } = encodeJsonSpans([{ ...span, attributes: { deep } }, span]);
    expect(rejections).toEqual([{ reason: 'malformed_span', message: 'spans[0].attributes: nested too deeply' }]);
  });

  it('takes time by the bytes of a body, whatever is common to all spans', () => {
    const resource_attributes = { text: 'x'.repeat(4_000_000) };
    const spans = new Array(20_000).fill(span);
    const { otlp } = encodeJsonSpans({ resource_attributes, spans });
    expect(otlp.length).toBeGreaterThan(4_000_000);
  });

  it('refuses copies of what is common that a request may not grow to', () => {
    const resource_attributes = { text: 'x'.repeat(4_000_000) };
    const spans = Array.from({ length: 20 }, (_, i) => ({ ...span, service_name: `service ${i}` }));
    expect(() => encodeJsonSpans({ resource_attributes, spans })).toThrow(TooManyError);
  });
});
