import { expect, it } from 'vitest';
import { otlpFetch } from '../../../client/otlp/transport.ts';
import { sendOnce } from '../../../client/recorder/exporter.ts';
import { listening } from '../../../client/sampling/listening.ts';
import { recordBatch } from '../../kit/recorded-batch.ts';
import { toSpanData, traceId } from '../../kit/spans.ts';

it('goes on to the same place where an edge of ours answers with what it has to say to pages', async () => {
  const urls: string[] = [];
  const heard: string[] = [];
  const headers = { 'tailrace-directives': 'config=1a2b3c4d, time=1790000000000', 'retry-after': '7' };
  const answer = async (url: string) => {
    urls.push(url);
    return new Response('{}', { status: 503, headers });
  };
  const fetch = listening(otlpFetch(answer, {}), (directives) => heard.push(directives));
  const { bytes } = recordBatch({ spans: [toSpanData({ traceId: traceId(1), id: 1 })] });
  for (let i = 0; i < 2; i++) {
    expect(await sendOnce(fetch, 'https://edge.test/v1/traces', bytes)).toMatchObject({
      outcome: 'unavailable',
      retryAfterMs: 7_000,
    });
  }
  expect([urls, heard]).toEqual([['https://edge.test/v1/traces', 'https://edge.test/v1/traces'], []]);
});
