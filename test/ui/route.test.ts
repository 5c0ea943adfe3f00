import { describe, expect, it } from 'vitest';
import { formatComparePath, formatTracePath, parseRoute, parseTraceIdInput } from '../../ui/logic/route.ts';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('parseRoute', () => {
  it('knows the views', () => {
    expect(parseRoute('/')).toEqual({ view: 'search' });
    expect(parseRoute(formatTracePath(ID))).toEqual({ view: 'trace', traceId: ID });
    expect(parseRoute(`/trace/${ID.toUpperCase()}/`)).toEqual({ view: 'trace', traceId: ID });
    expect(parseRoute('/services')).toEqual({ view: 'services' });
    expect(parseRoute('/map')).toEqual({ view: 'map' });
    expect(parseRoute(new URL(formatComparePath(ID, 'typical'), 'https://edge.example').pathname)).toEqual({
      view: 'compare',
    });
    expect(parseRoute('/constructor').view).toBe('unknown');
    expect(parseRoute('/trace/')).toEqual({ view: 'unknown', path: '/trace/' });
    expect(parseRoute('/sdk/tailrace.js').view).toBe('unknown');
  });
});

describe('parseTraceIdInput', () => {
  it.each([
    ['bare', ` ${ID}\n`, ID],
    ['upper case', ID.toUpperCase(), ID],
    ['as a UUID', '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', ID],
    ['in a traceparent', `00-${ID}-00f067aa0ba902b7-01`, ID],
    ['in an address', `https://edge.example/trace/${ID}?span=00f067aa0ba902b7`, ID],
    ['of 64 bits', 'a3ce929d0e0e4736', `${'0'.repeat(16)}a3ce929d0e0e4736`],
  ])('reads an id %s', (_, text, id) => {
    expect(parseTraceIdInput(text)).toBe(id);
  });

  it.each(['', 'trace', ID.slice(1), `${ID}0`, '0'.repeat(32), '-'.repeat(36)])('refuses %j', (text) => {
    expect(parseTraceIdInput(text)).toBeNull();
  });
});
