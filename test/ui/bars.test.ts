import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutBar, layoutEvents, spanRange, traceBounds } from '../../ui/logic/bars.ts';
import { openSpan, span } from './spans.ts';

describe('traceBounds', () => {
  it('reaches from the first start to the last end, and to the events of what is open', () => {
    const event = { name: 'late', timeUs: 9_000, attributes: {} };
    expect(traceBounds([span('a', null, { startUs: 50, durationUs: 10 }), span('b', 'a', { startUs: 20 })])).toEqual({
      startUs: 20,
      endUs: 120,
    });
    expect(traceBounds([span('a', null), openSpan('b', 'a', { events: [event] })]).endUs).toBe(9_000);
    expect(traceBounds([span('a', null, { events: [event] })]).endUs).toBe(1_100);
  });

  it('works when there are no spans', () => {
    expect(traceBounds([])).toEqual({ startUs: 0, endUs: 0 });
  });
});

describe('spanRange', () => {
  it('lets a span without an end reach to the end of the trace', () => {
    const bounds = { startUs: 1_000, endUs: 5_000 };
    expect(spanRange(span('a', null, { startUs: 1_500, durationUs: 0 }), bounds)).toEqual({ startUs: 500, endUs: 500 });
    expect(spanRange(openSpan('a', null, { startUs: 1_500 }), bounds)).toEqual({ startUs: 500, endUs: 4_000 });
  });
});

describe('layoutBar', () => {
  const viewport = { startUs: 100, endUs: 200 };

  it('cuts the bar at the edges and is null outside', () => {
    expect(layoutBar({ startUs: 0, endUs: 150 }, viewport, 0.1)).toMatchObject({ left: 0, right: 0.5 });
    expect(layoutBar({ startUs: 150, endUs: 900 }, viewport, 0.1)).toMatchObject({ left: 0.5, right: 1 });
    expect(layoutBar({ startUs: 0, endUs: 99 }, viewport, 0.1)).toBeNull();
    expect(layoutBar({ startUs: 201, endUs: 300 }, viewport, 0.1)).toBeNull();
  });

  it('puts the label where it has room', () => {
    expect(layoutBar({ startUs: 100, endUs: 150 }, viewport, 0.2)?.label).toBe('after');
    expect(layoutBar({ startUs: 150, endUs: 200 }, viewport, 0.2)?.label).toBe('before');
    expect(layoutBar({ startUs: 100, endUs: 200 }, viewport, 0.2)?.label).toBe('inside');
  });

  it('is always inside the viewport', () => {
    const time = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(time, time, time, fc.double({ min: 10, max: 1e6, noNaN: true }), (start, length, from, shown) => {
        const bar = layoutBar({ startUs: start, endUs: start + length }, { startUs: from, endUs: from + shown }, 0.1);
        if (bar === null) return;
        expect(bar.left).toBeGreaterThanOrEqual(0);
        expect(bar.right).toBeLessThanOrEqual(1);
        expect(bar.left).toBeLessThanOrEqual(bar.right);
      }),
    );
  });
});

describe('layoutEvents', () => {
  it('merges marks that would lie on each other, so that 10,000 events are few marks', () => {
    const events = Array.from({ length: 10_000 }, (_, i) => ({
      name: i === 5_000 ? 'exception' : 'tick',
      timeUs: 1_000 + i,
      attributes: {},
    }));
    const marks = layoutEvents(span('a', null, { events }), 0, { startUs: 0, endUs: 10_000 });
    expect(marks.length).toBeGreaterThan(100);
    expect(marks.length).toBeLessThanOrEqual(251);
    expect(marks.filter((mark) => mark.exception).length).toBe(1);
  });

  it('leaves out what is outside the viewport', () => {
    const events = [{ name: 'early', timeUs: 1_000, attributes: {} }];
    expect(layoutEvents(span('a', null, { events }), 0, { startUs: 500, endUs: 900 })).toEqual([]);
  });

  it('stand where their span stands, when its clock was moved', () => {
    const events = [{ name: 'halfway', timeUs: 1_050, attributes: {} }];
    const [mark] = layoutEvents(span('a', null, { events }), 300, { startUs: 0, endUs: 1_000 });
    expect(mark!.fraction).toBeCloseTo(0.35);
  });
});
