import { expect, it } from 'vitest';
import { SILENCE } from '../../../client/api/silence.ts';
import { Tracer } from '../../../client/api/tracer.ts';
import { createOpenWatch } from '../../../client/recorder/open-watch.ts';
import { SpanList } from '../../../client/recorder/span-list.ts';

const MINUTE_US = 60_000_000;

/** A page whose clock stands still unless it is moved. Looked at every minute, and then recorded. */
function startPage() {
  const spans = new SpanList();
  const warnings: string[] = [];
  let nowUs = 0;
  const tracer = new Tracer({
    ...SILENCE,
    nowUs: () => nowUs,
    onStart: (span) => spans.add(span),
  });
  const watchOpen = createOpenWatch((text) => warnings.push(text));
  return {
    tracer,
    warnings,
    pass(minutes: number, eachMinute = () => {}) {
      for (let i = 0; i < minutes; i++) {
        nowUs += MINUTE_US;
        eachMinute();
        watchOpen(spans, () => nowUs);
        spans.sweep((span) => {
          span.changed = false;
          return span.endUs === null;
        });
      }
    },
  };
}

it('ends a span that nobody has touched for 15 minutes, as of then', () => {
  const { tracer, warnings, pass } = startPage();
  const span = tracer.startSpan('forgotten', { parent: null });
  pass(5, () => span.setAttribute('a', 1));
  pass(15);
  expect([span.endUs, warnings]).toEqual([null, []]);
  pass(1);
  expect(span.endUs).toBe(5 * MINUTE_US);
  expect(span.attributes).toEqual(['a', 1, 'tailrace.ended_by', 'idle']);
  expect(warnings).toEqual(['the span "forgotten" was not ended: idle of 16 min']);
});

it('leaves a span alone while a child of it is open, or it changes; not longer than four hours', () => {
  const { tracer, warnings, pass } = startPage();
  const parent = tracer.startSpan('parent', { parent: null });
  const child = tracer.startSpan('child', { parent });
  pass(240, () => child.addEvent('tick'));
  expect([parent.endUs, child.endUs]).toEqual([null, null]);
  pass(1, () => child.addEvent('tick'));
  expect([parent.endUs, child.endUs]).toEqual([241 * MINUTE_US, 241 * MINUTE_US]);
  expect(child.attributes).toEqual(['tailrace.ended_by', 'lifetime']);
  expect(warnings).toHaveLength(2);
});

it('ends those that were busy longest ago when all that are open take more than 1 MiB', () => {
  const { tracer, warnings, pass } = startPage();
  const visit = tracer.startSpan('visit', { parent: null });
  // A span takes 256 bytes.
  const forgotten = Array.from({ length: 2_000 }, () => tracer.startSpan('forgotten', { parent: null }));
  pass(1);
  const later = Array.from({ length: 2_097 }, () => tracer.startSpan('later', { parent: visit }));
  pass(1);
  expect([visit, ...forgotten, ...later].filter(({ isRecording }) => !isRecording)).toEqual(forgotten.slice(0, 2));
  expect(forgotten[0]!.attributes).toEqual(['tailrace.ended_by', 'memory']);
  expect(warnings[0]).toBe('the span "forgotten" was not ended: memory of 1 min');
});

it('ends a span at the end of its block', () => {
  const { tracer } = startPage();
  const span = tracer.startSpan('block', { parent: null });
  // What `using span = …` does.
  span[Symbol.dispose]();
  expect(span.endUs).toBe(0);
});
