/** Traces of one span, made from a few words. */

import { parseHex } from '../../../model/ids.ts';
import { encodeTracesData } from '../../../model/otlp/encode.ts';
import type { SpanDataAttributes } from '../../../model/span-data.ts';
import type { IndexedTrace } from '../../../store/segment/build.ts';
import { traceIdOf } from '../../contract/parts.ts';

export interface TraceWords {
  readonly number?: number;
  readonly startUs?: number;
  readonly durationUs?: number;
  readonly status?: 'ok' | 'error';
  readonly service?: string;
  readonly name?: string;
  readonly attributes?: SpanDataAttributes;
}

export function traceOf(words: TraceWords): IndexedTrace {
  const { number = 1, startUs = 1_000, durationUs = 10, status = 'ok', service = 'shop', name = 'GET /' } = words;
  const traceId = traceIdOf(number);
  const otlp = encodeTracesData(
    [['service.name', service]],
    [
      {
        traceId: parseHex(traceId)!,
        spanId: new Uint8Array(8).fill(1),
        parentSpanId: null,
        name,
        kind: 2,
        startUs,
        endUs: startUs + durationUs,
        flags: 1,
        traceState: '',
        statusCode: 0,
        statusMessage: '',
        attributes: words.attributes ?? [],
        events: [],
        links: [],
        scope: 'test',
        droppedAttributes: 0,
        droppedEvents: 0,
        droppedLinks: 0,
      },
    ],
  );
  return { traceId, startUs, durationUs, status, otlp };
}
