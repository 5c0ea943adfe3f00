import { describe, expect, it } from 'vitest';
import { formatTraceparent, parseTraceparent, parseTraceState } from '../../../client/propagation/w3c.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('parseTraceparent', () => {
  it('reads a version 00 header and formats it back', () => {
    const context = parseTraceparent(`00-${TRACE}-${SPAN}-01`);
    expect(context).toEqual({ traceId: TRACE, spanId: SPAN, flags: 1 });
    expect(formatTraceparent(context!)).toBe(`00-${TRACE}-${SPAN}-01`);
  });

  it('reads the known fields of a newer version', () => {
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-03-what-the-future-will-be-like`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      flags: 3,
    });
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01`)?.flags).toBe(1);
  });

  it('clears flags that are not defined', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-ff`)?.flags).toBe(3);
  });

  it.each([
    ['nothing', null],
    ['an empty header', ''],
    ['garbage', 'hello'],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['a longer version 00', `00-${TRACE}-${SPAN}-01-more`],
    ['a newer version with glued text', `cc-${TRACE}-${SPAN}-01more`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['a zero trace id', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a zero span id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['bad flags', `00-${TRACE}-${SPAN}-0x`],
    ['two headers joined', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ])('refuses %s', (_, header) => {
    expect(parseTraceparent(header)).toBeNull();
  });
});

describe('parseTraceState', () => {
  it('passes on what fits and drops what does not', () => {
    expect(parseTraceState(' ot=th:8,x=1 ')).toBe('ot=th:8,x=1');
    expect(parseTraceState('x'.repeat(513))).toBe('');
    expect(parseTraceState('a=ü')).toBe('');
    expect(parseTraceState(null)).toBe('');
  });
});
