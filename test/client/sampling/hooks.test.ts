import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hook, Sampler, SamplingResult } from '../../../client/sampling/sampler.ts';
import { Recording } from './recording.ts';

const HOOKS = ['onStart', 'onUpdateName', 'onSetAttribute', 'onAddEvent', 'onSetStatus', 'onEnd'] as const;

type Step = 'name' | 'attribute' | 'event' | 'status';
const HOOK_OF: Record<Step, Hook> = {
  name: 'onUpdateName',
  attribute: 'onSetAttribute',
  event: 'onAddEvent',
  status: 'onSetStatus',
};
/** What the sampler answers when it is asked for the nth time. */
type Answer = SamplingResult | 'undefined' | 'throws';

const answers: fc.Arbitrary<Answer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ decision: fc.constantFrom('record', 'record_and_sample'), shouldRetry: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ decision: fc.constantFrom('record', 'record_and_sample'), shouldRetry: fc.constant(true) }),
  },
  { weight: 1, arbitrary: fc.record({ decision: fc.constant('drop' as const), shouldRetry: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom('undefined' as const, 'throws' as const) },
) as fc.Arbitrary<Answer>;

/** The rules as seed 004 has them, read from a list instead of followed as things happen. */
function expected(steps: readonly Step[], script: readonly Answer[], missing: ReadonlySet<Hook>) {
  const asked: Hook[] = [];
  let isSampled = true;
  let isDecided = false;
  let isDropped = false;
  for (const hook of ['onStart' as Hook, ...steps.map((step) => HOOK_OF[step]), 'onEnd' as Hook]) {
    if (isDecided || isDropped || missing.has(hook)) continue;
    const answer = script[asked.length] ?? 'undefined';
    asked.push(hook);
    if (answer === 'throws') isDecided = true;
    if (typeof answer === 'string') continue;
    isDropped = answer.decision === 'drop';
    isSampled = answer.decision === 'record_and_sample';
    isDecided = !answer.shouldRetry;
  }
  return { asked, outcome: isDropped ? 'dropped' : isSampled ? 'sampled' : 'recorded' };
}

describe('the hooks', () => {
  it('are called in the order in which a span changes, until it is decided', () => {
    const seen = { dropped: 0, sampled: 0, recorded: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<Step>('name', 'attribute', 'event', 'status'), { maxLength: 8 }),
        fc.array(answers, { maxLength: 10 }),
        fc.subarray(HOOKS.slice(1) as Hook[], { maxLength: 2 }),
        (steps, script, missing) => {
          const asked: Hook[] = [];
          const sampler: Record<string, () => SamplingResult | undefined> = {};
          for (const hook of HOOKS) {
            if (missing.includes(hook)) continue;
            sampler[hook] = () => {
              const answer = script[asked.length] ?? 'undefined';
              asked.push(hook);
              if (answer === 'throws') throw new Error('a fault of the sampler');
              return answer === 'undefined' ? undefined : answer;
            };
          }
          const recording = new Recording(sampler as unknown as Sampler);
          const span = recording.tracer.startSpan('first');
          for (const step of steps) {
            if (step === 'name') span.updateName('better');
            else if (step === 'attribute') span.setAttribute('a', 1);
            else if (step === 'event') span.addEvent('event');
            else span.setStatus('error');
          }
          span.end();
          span.setAttribute('late', 1);

          const { asked: want, outcome } = expected(steps, script, new Set(missing));
          seen[outcome as keyof typeof seen]++;
          expect(asked).toEqual(want);
          const isDropped = outcome === 'dropped';
          // A sampler that is gone does not make a late change one that is worth counting.
          expect([recording.dropped, recording.ended, recording.ignored]).toEqual(
            isDropped ? [[span], [], 0] : [[], [span], 1],
          );
          expect([span.isDropped, span.isRecording, (span.flags & 1) === 1]).toEqual([
            isDropped,
            false,
            outcome === 'sampled',
          ]);
          // The recorder hears of a start once, and of no end without one.
          if (!isDropped) expect(recording.started).toEqual([span]);
        },
      ),
      { numRuns: 3_000 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
  });

  it('see the attributes a span starts with, and each change as it is made', () => {
    const seen: unknown[] = [];
    const note =
      (hook: string) =>
      (span: { name: string }, ...what: unknown[]) => {
        seen.push([hook, span.name, ...what]);
        return undefined;
      };
    const sampler = Object.fromEntries(HOOKS.map((hook) => [hook, note(hook)])) as unknown as Sampler;
    sampler.onStart = (span) => {
      seen.push(['onStart', span.attribute('a'), span.attribute('b')]);
      return { decision: 'record_and_sample', shouldRetry: true };
    };
    const { tracer } = new Recording(sampler);
    const span = tracer.startSpan('GET', { attributes: { a: 1 } });
    expect(seen).toEqual([['onStart', 1, undefined]]);
    span.updateName('GET /orders').setAttribute('b', 'x').addEvent('e').setStatus('error').end();
    expect(seen.slice(1)).toEqual([
      ['onUpdateName', 'GET /orders', 'GET /orders', undefined],
      ['onSetAttribute', 'GET /orders', 'b', 'x'],
      ['onAddEvent', 'GET /orders', 'e', undefined],
      ['onSetStatus', 'GET /orders', 2, undefined],
      ['onEnd', 'GET /orders', undefined, undefined],
    ]);
  });

  it('are not called for what they do to the span themselves', () => {
    const sampler: Sampler = {
      onStart: (span) => {
        (span as unknown as { setAttribute(key: string, value: number): void }).setAttribute('by', 1);
        return { decision: 'record_and_sample', shouldRetry: true };
      },
      onSetAttribute: (span) => {
        (span as unknown as { updateName(name: string): void }).updateName('again');
        return undefined;
      },
      onUpdateName: () => ({ decision: 'drop', shouldRetry: false }),
    };
    const recording = new Recording(sampler);
    recording.tracer.startSpan('work').setAttribute('a', 1).end();
    expect(recording.sent).toEqual(['again+']);
  });

  it('may trace and start what they want: nothing of it is recorded, and nobody is asked about it', () => {
    let asked = 0;
    const recording: Recording = new Recording({
      onStart: () => {
        asked++;
        recording.tracer.withSpan('of the sampler', (span) => span.setAttribute('a', 1));
        return { decision: 'record_and_sample', shouldRetry: false };
      },
    });
    recording.tracer.startSpan('work').end();
    expect([asked, recording.sent]).toEqual([1, ['work+']]);
  });

  it('do not see a span that may be dropped sent while it is open', () => {
    const undecided = new Recording({
      onStart: () => ({ decision: 'record', shouldRetry: true }),
      onUpdateName: () => ({ decision: 'record_and_sample', shouldRetry: true }),
    });
    const span = undecided.tracer.startSpan('work');
    expect(undecided.started).toEqual([]);
    span.updateName('better');
    expect(undecided.started).toEqual([span]);
  });

  it('end a span for its children too, and do not make its parent wait', () => {
    const recording = new Recording({
      onStart: () => ({ decision: 'record_and_sample', shouldRetry: true }),
      onUpdateName: (span) => ({ decision: span.name === 'bad' ? 'drop' : 'record_and_sample', shouldRetry: true }),
    });
    const { tracer } = recording;
    const root = tracer.startSpan('root');
    const bad = tracer.startSpan('child', { parent: root });
    root.endWhenIdle();
    bad.updateName('bad');
    expect(recording.sent).toEqual(['root+']);
    const grandchild = tracer.startSpan('grandchild', { parent: bad });
    grandchild.end();
    expect([recording.sent, recording.dropped]).toEqual([['root+'], [bad, grandchild]]);
    // Who is asked by them has nothing to record either.
    expect([bad.context.flags & 1, grandchild.context.flags & 1]).toEqual([0, 0]);
  });
});
