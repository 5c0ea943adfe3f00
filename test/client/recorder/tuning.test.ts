import { expect, it } from 'vitest';
import { Tracer } from '../../../client/api/tracer.ts';
import { createMemory } from '../../../client/recorder/memory.ts';
import type { OpenRecordable } from '../../../client/recorder/recordable.ts';
import { createRingProducer } from '../../../client/recorder/ring-producer.ts';
import { BALANCED, lowLatency, throughput } from '../../../client/recorder/tuning.ts';

/** A sink that puts each span into a ring of this size at once. */
function recordInto(ringBytes: number) {
  const producer = createRingProducer(createMemory(false, ringBytes));
  const held: number[] = [];
  const tracer = new Tracer({
    segmentUs: () => 1_790_000_000_000_000,
    nowUs: (segmentUs) => segmentUs + performance.now() * 1000,
    sampling: null,
    ready: async () => {},
    onStart() {},
    onDrop() {},
    onEnd(span: OpenRecordable) {
      held.push(span.heldBytes);
      producer.push(span);
    },
    onIgnored() {},
  });
  return { tracer, held, counters: producer.counters };
}

// Spans a ring, spans that are sent without waiting, milliseconds until they are sent at the latest.
it.each([
  ['lowLatency', lowLatency, 4_096, 1_000, 1_000],
  ['throughput', throughput, 65_536, 10_000, 10_000],
  ['balanced', BALANCED, 4_096, 1_000, 5_000],
] as const)(
  '%s has room for as many spans as it says, and does not keep them for long',
  (_, tuning, spans, batch, ageMs) => {
    const { tracer, held, counters } = recordInto(tuning.ringBytes);
    const root = tracer.startSpan('root', { parent: null });
    for (let i = 0; i < spans; i++) tracer.startSpan(`step ${i % 20}`, { parent: root }).end();
    expect(counters.all().ring_full).toBe(0);
    expect(held.slice(0, batch).reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(tuning.flushBytes);
    expect(tuning.ageMs).toBe(ageMs);
  },
);
