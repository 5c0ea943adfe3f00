import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deflateBatch } from '../../../client/recorder/deflate.ts';
import { encodeEarly, HEAD_BYTES } from '../../../client/recorder/early-batch.ts';
import { byStart } from '../../../client/recorder/pending.ts';
import { decodeBatch, parseBatchHeader } from '../../../model/batch/decode.ts';
import { DEFLATED } from '../../../model/batch/format.ts';
import type { SpanData } from '../../../model/span-data.ts';
import { flat, lossesOf, recordBatch, toRecordable } from '../../kit/recorded-batch.ts';
import { arbitraryBatch, arbitrarySpan } from '../../model/batch/arbitrary-batch.ts';

describe('what is recorded and sent', () => {
  it('comes back from the batch, whatever it is', () => {
    fc.assert(
      fc.property(arbitraryBatch, (batch) => {
        const { bytes, spanCount } = recordBatch(batch);
        expect(spanCount).toBe(batch.spans.length);
        const { sentUs, ...decoded } = decodeBatch(bytes);
        expect(decoded).toEqual({ version: 1, hasUnsampled: true, ...batch });
        expect(Math.abs(sentUs / 1000 - performance.timeOrigin - performance.now())).toBeLessThan(60_000);
      }),
      { numRuns: 500 },
    );
  });

  it('comes back from the batch of a page that is left early', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat(4000), (batch, room) => {
        const encode = (spans: readonly SpanData[], maxBytes: number) => {
          const resource = flat(batch.resource);
          return encodeEarly(spans.map(toRecordable), resource, lossesOf(batch), false, batch.goodbye, maxBytes);
        };
        const all = encode(batch.spans, 2 ** 31);
        const { sentUs, ...decoded } = decodeBatch(all.bytes);
        expect(decoded).toEqual({ version: 1, hasUnsampled: true, ...batch });
        const maxBytes = encode([], 2 ** 31).bytes.length + room;
        const { bytes, spanCount } = encode(batch.spans, maxBytes);
        expect(decodeBatch(bytes).spans).toEqual(batch.spans.slice(0, spanCount));
        expect(bytes.length).toBeLessThanOrEqual(maxBytes);
        if (all.bytes.length + HEAD_BYTES <= maxBytes) expect(spanCount).toBe(batch.spans.length);
      }),
      { numRuns: 300 },
    );
  });

  it('takes the first spans when not all fit', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat(4000), (batch, room) => {
        const all = recordBatch(batch);
        const empty = recordBatch({ ...batch, spans: [] });
        const maxBytes = empty.bytes.length + room;
        const { bytes, spanCount } = recordBatch(batch, { maxBytes });
        expect(decodeBatch(bytes).spans).toEqual(batch.spans.slice(0, spanCount));
        if (spanCount > 0) expect(bytes.length).toBeLessThanOrEqual(maxBytes);
        if (all.bytes.length <= maxBytes) expect(spanCount).toBe(batch.spans.length);
      }),
      { numRuns: 300 },
    );
  });

  it('is sent as it is where it cannot be deflated', async () => {
    const bytes = new Uint8Array(1_000);
    vi.stubGlobal('CompressionStream', undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    expect(await deflateBatch(bytes)).toBe(bytes);
    vi.stubGlobal(
      'CompressionStream',
      class extends TransformStream {
        constructor() {
          super({
            transform() {
              throw new RangeError('out of memory');
            },
          });
        }
      },
    );
    expect(await deflateBatch(bytes)).toBe(bytes);
  });

  it('may be deflated after the header', async () => {
    const [span] = fc.sample(arbitrarySpan, { seed: 5, numRuns: 1 });
    const { bytes } = recordBatch({ spans: Array.from({ length: 50 }, () => span!) });
    const deflated = await deflateBatch(bytes);
    expect(deflated.length).toBeLessThan(bytes.length / 2);
    expect([deflated[5]! & DEFLATED, bytes[5]! & DEFLATED]).toEqual([DEFLATED, 0]);
    expect(decodeBatch(deflated, new Uint8Array(inflateSync(parseBatchHeader(deflated).payload)))).toEqual(
      decodeBatch(bytes),
    );
    expect(() => decodeBatch(deflated)).toThrow(expect.objectContaining({ code: 'compressed', offset: 5 }));
  });

  it('replaces lone surrogates', () => {
    const { bytes } = recordBatch({ resource: [['a\ud800b', '\udc00']] });
    expect(decodeBatch(bytes).resource).toEqual([['a\ufffdb', '\ufffd']]);
  });

  it('cannot be broken by impossible times', () => {
    const times = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300, 2 ** 52, 0.4];
    const [span] = fc.sample(arbitrarySpan, { seed: 5, numRuns: 1 });
    const spans = times.map((time) => ({ ...span!, startUs: time, endUs: time, events: [] }));
    const { bytes } = recordBatch({ spans });
    expect(decodeBatch(bytes).spans.map(({ startUs, endUs }) => [startUs, endUs])).toEqual(times.map(() => [0, 0]));
    const early = encodeEarly(spans.map(toRecordable), [], [], false, false, 2 ** 31);
    expect(decodeBatch(early.bytes).spans).toEqual(decodeBatch(bytes).spans);
  });

  it('takes 60 bytes a span or less, so that 1,000 leave in one exit', () => {
    const { bytes } = recordBatch({ resource: RESOURCE, spans: exitSpans(1000) }, { order: byStart });
    expect(bytes.length / 1000).toBeLessThanOrEqual(60);
    expect(bytes.length).toBeLessThanOrEqual(64 * 1024);
    const early = encodeEarly(exitSpans(1000).map(toRecordable), flat(RESOURCE), [], false, true, 64 * 1024);
    expect([early.spanCount, early.bytes.length / 1000]).toEqual([1000, expect.toSatisfy((size) => size <= 60)]);
  });
});

const RESOURCE = [
  ['service.name', 'shop'],
  ['telemetry.sdk.name', 'tailrace'],
] as const;

/** A root and its children, with four attributes each. */
function exitSpans(count: number) {
  const id = (n: number, length: number) => Uint8Array.from({ length }, (_, i) => (n * 2654435761) >>> (i % 4));
  const traceId = id(7, 16);
  return Array.from({ length: count }, (_, i) => ({
    traceId,
    spanId: id(i + 1, 8),
    parentSpanId: i === 0 ? null : id(1, 8),
    name: `step ${i % 20}`,
    kind: 1,
    startUs: 1_763_000_000_000_000 + i * 150,
    endUs: 1_763_000_000_000_000 + i * 150 + 900,
    flags: 3,
    traceState: '',
    statusCode: 0,
    statusMessage: '',
    attributes: [
      ['app.step', i],
      ['app.part', `part ${i % 7}`],
      ['http.request.method', 'GET'],
      ['cached', i % 2 === 0],
    ] as const,
    events: [],
    links: [],
    scope: 'app',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  }));
}
