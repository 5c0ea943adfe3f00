import { expect, it } from 'vitest';
import { onlyEssentials } from '../../../client/sampling/essentials.ts';
import { headSampling } from '../../../client/sampling/head-sampling.ts';
import { Recording } from './recording.ts';

it('keeps roots, errors, what was slow, and what ends after those; nothing is left without its parent', () => {
  const recording = new Recording(onlyEssentials(null));
  const { tracer } = recording;
  const plain = tracer.startSpan('plain root', { parent: null });
  tracer.startSpan('ordinary', { parent: plain }).end();
  plain.end();
  const root = tracer.startSpan('root', { parent: null });
  const middle = tracer.startSpan('middle', { parent: root });
  const before = tracer.startSpan('before', { parent: middle });
  // What it asks of others is sampled: the trace is.
  expect(before.context.flags & 1).toBe(1);
  before.end();
  tracer.startSpan('failed', { parent: middle }).setStatus('error').end();
  middle.end();
  root.end();
  const other = tracer.startSpan('other root', { parent: null });
  const slow = tracer.startSpan('slow', { parent: other });
  recording.timeUs += 1_000_000;
  slow.end();
  other.end();
  const asking = tracer.startSpan('asking root', { parent: null });
  const around = tracer.startSpan('around', { parent: asking });
  tracer.startSpan('GET', { parent: around, kind: 'client' }).end();
  around.end();
  asking.end();
  expect(recording.sent).toEqual([
    'plain root+',
    'failed+',
    'middle+',
    'root+',
    'slow+',
    'other root+',
    'GET+',
    'around+',
    'asking root+',
  ]);
  expect(recording.dropped.map(({ name }) => name)).toEqual(['ordinary', 'before']);
  for (const { parent } of recording.ended) if (parent) expect(recording.ended).toContain(parent);
});

it('leaves to the sampling what is its own', () => {
  const recording = new Recording(onlyEssentials(headSampling(0)));
  const root = recording.tracer.startSpan('root', { parent: null });
  recording.tracer.startSpan('child', { parent: root }).setStatus('error').end();
  root.end();
  expect([recording.sent, recording.dropped.length]).toEqual([[], 2]);
  expect([onlyEssentials(null).keepsUnsampled, onlyEssentials(headSampling(0)).keepsUnsampled]).toEqual([true, false]);
});
