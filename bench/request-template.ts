/** OTLP requests: 512 spans over 100 traces unless something else is said, every one with fresh trace ids. */

import { formatHex } from '../model/ids.ts';
import { encodeTracesData } from '../model/otlp/encode.ts';
import { scanTraces } from '../model/otlp/scan.ts';
import type { SpanData } from '../model/span-data.ts';

export const SPANS_PER_REQUEST = 512;
export const TRACES_PER_REQUEST = 100;

/** One request's bytes, and what makes each copy of it new. */
export class RequestTemplate {
  readonly bytes: Uint8Array;
  /** For each span, where its trace id is and which trace it belongs to. */
  private readonly places: readonly (readonly [at: number, trace: number])[];
  private readonly ids: Uint8Array<ArrayBuffer>;

  /** The spans as they were before they were encoded. */
  readonly spans: readonly SpanData[];

  /** `errors`: of the traces so many have a root that failed, the first ones. `padding`: bytes in one more attribute of each span; `url`: one more. */
  constructor({
    spans: count = SPANS_PER_REQUEST,
    traces = TRACES_PER_REQUEST,
    errors = 0,
    padding = 0,
    url = '',
  } = {}) {
    this.ids = new Uint8Array(traces * 16);
    const startUs = Date.now() * 1000;
    const spans = Array.from({ length: count }, (_, i) => span(i, traces, startUs, i < errors, padding, url));
    this.spans = spans;
    this.bytes = encodeTracesData(
      [
        ['service.name', 'checkout'],
        ['service.version', '1.4.2'],
        ['host.name', 'node-17'],
      ],
      spans,
    );
    const table = scanTraces(this.bytes);
    this.places = Array.from({ length: table.count }, (_, i) => [table.traceIdAt[i]!, i % traces]);
  }

  /** A copy with trace ids that were never used before. */
  next(): Uint8Array {
    crypto.getRandomValues(this.ids);
    const copy = this.bytes.slice();
    for (const [at, trace] of this.places) copy.set(this.ids.subarray(trace * 16, trace * 16 + 16), at);
    return copy;
  }

  /** Id of trace `trace` of the last copy. */
  traceId(trace: number): string {
    return formatHex(this.ids.subarray(trace * 16, trace * 16 + 16));
  }
}

/** A span of four attributes; the first ones are the roots of the request's traces. */
function span(i: number, traces: number, startUs: number, isError: boolean, padding: number, url: string): SpanData {
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(4, i + 1);
  const parent = new Uint8Array(8);
  new DataView(parent.buffer).setUint32(4, (i % traces) + 1);
  return {
    traceId: new Uint8Array(16).fill(1),
    spanId: id,
    parentSpanId: i < traces ? null : parent,
    name: `GET /api/items/${i % 7}`,
    kind: 2,
    startUs: startUs + i,
    endUs: startUs + i + 12_500,
    flags: 1,
    traceState: '',
    statusCode: isError ? 2 : 0,
    statusMessage: '',
    attributes: [
      ['http.request.method', 'GET'],
      ['http.route', '/api/items/{id}'],
      ['http.response.status_code', 200],
      ['server.address', 'checkout.internal'],
      ...(url === '' ? [] : [['url.full', url] as const]),
      ...(padding > 0 ? [['padding', 'x'.repeat(padding)] as const] : []),
    ],
    events: [],
    links: [],
    scope: 'http',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}
