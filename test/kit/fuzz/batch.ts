/** What pages send. */

import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { decodeBatch, parseBatchHeader } from '../../../model/batch/decode.ts';
import { formatHex } from '../../../model/ids.ts';
import { arbitraryBatch } from '../../model/batch/arbitrary-batch.ts';
import { recordBatch } from '../recorded-batch.ts';
import { mutateBytes } from './mutate.ts';
import { type FuzzProtocol, post, textOf } from './protocol.ts';

export const BATCH: FuzzProtocol = {
  name: 'batch',
  counted: 'batch',
  // Fewer: each needs a ring to be recorded in, and has up to thirty traces to be read back.
  samples: (seed, count) =>
    fc.sample(arbitraryBatch, { seed, numRuns: count / 4 }).map((batch) => recordBatch(batch).bytes),
  mutate: mutateBytes,
  spansOf: (body) => {
    const { deflated, payload } = parseBatchHeader(body);
    const { spans } = decodeBatch(body, deflated ? inflateSync(payload) : undefined);
    return spans.map(({ traceId, spanId }) => ({ traceId: formatHex(traceId), spanId: formatHex(spanId) }));
  },
  send: (edge, body) =>
    post(edge, '/v1/batch', 'text/plain', body, (answer) => JSON.parse(textOf(answer)) as { rejected: number }),
};
