import { expect, it } from 'vitest';
import { Tracer } from '../../../client/api/tracer.ts';
import { sendEarly } from '../../../client/recorder/early-exit.ts';
import { createProducer } from '../../../client/recorder/producer.ts';
import { decodeBatch } from '../../../model/batch/decode.ts';

it('lets errors and roots go first, and what would leave no room for others last', () => {
  const sent: string[][] = [];
  const host = {
    config: { url: '', resource: [] },
    beacon: (_: string, bytes: Uint8Array<ArrayBuffer>) =>
      sent.push(decodeBatch(bytes).spans.map(({ name }) => name)) > 0,
  };
  const producer = createProducer({
    clock: { segmentUs: () => 0, nowUs: () => 1 },
    sendEarly: (spans, counters, leaving) => sendEarly(spans, host, counters, leaving),
    loadRecorder: async () => null,
  });
  const tracer = new Tracer(producer);
  const attributes = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`text ${i}`, `${i}`.repeat(4096)]));
  const huge = tracer.startSpan('huge root', { parent: null, attributes });
  const root = tracer.startSpan('root', { parent: null });
  tracer.startSpan('step', { parent: root }).end();
  tracer.startSpan('error', { parent: root }).setStatus('error').end();
  root.end();
  huge.end();
  producer.hide(true);
  producer.discard();
  expect(sent).toEqual([['root', 'error', 'step']]);
  expect(producer.stats()).toMatchObject({ recorded: 4, sent: 3, accepted: 3, exit_budget: 1 });
});

it('goes on holding spans where the recorder cannot be made, and throws nothing', async () => {
  const failed = () => {
    throw new RangeError('no memory');
  };
  const producer = createProducer({
    clock: { segmentUs: () => 0, nowUs: () => 1 },
    loadRecorder: async () => failed,
  });
  new Tracer(producer).startSpan('root', { parent: null }).end();
  await producer.flush();
  await producer.ready();
  expect([producer.mode, producer.stats().recorded]).toEqual(['starting', 1]);
  producer.discard();
});
