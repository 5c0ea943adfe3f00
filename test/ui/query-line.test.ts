import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../model/query/parse-query.ts';
import {
  findFault,
  formatCondition,
  LINE_FIELDS,
  readFields,
  setField,
  splitAtFault,
} from '../../ui/logic/query-line.ts';

const LINE = 'service=checkout duration>250ms duration<=2s  http.response.status_code>=500 "service"=x';

describe('findFault', () => {
  it('says what is wrong and where, and nothing of a line that is right', () => {
    expect(findFault(LINE)).toBeNull();
    expect(findFault('')).toBeNull();
    expect(findFault('service=a duration>250')).toMatchObject({
      offset: 19,
      length: 3,
      message: expect.stringContaining('"250" is not a duration; want a number and a unit'),
    });
  });

  it('marks the place, or the character at which something is missing', () => {
    const split = (line: string) => splitAtFault(line, findFault(line)!);
    expect(split('service=a duration>250')).toEqual(['service=a duration>', '250', '']);
    expect(split('checkout a=1')).toEqual(['', 'checkout', ' a=1']);
    expect(split('root.=5')).toEqual(['root.', '=', '5']);
  });

  it('marks a part of any line that cannot be read, and loses nothing of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=!<>~." 5\\*') }), (line) => {
        const fault = findFault(line);
        if (fault !== null) expect(splitAtFault(line, fault).join('')).toBe(line);
      }),
    );
  });
});

describe('fields', () => {
  it('are read from the line', () => {
    expect(readFields(LINE)).toEqual({
      service: 'checkout',
      operation: '',
      minDuration: '250ms',
      maxDuration: '2s',
      status: '',
    });
  });

  it('are set where they stand, or behind the rest, which stays as it is', () => {
    expect(setField(LINE, 'service', 'a "b" c')).toBe(
      'service="a \\"b\\" c" duration>250ms duration<=2s http.response.status_code>=500 "service"=x',
    );
    expect(setField('a.b=1', 'minDuration', '1.5s')).toBe('a.b=1 duration>=1500ms');
    expect(setField('duration>1s duration>2s a=1', 'minDuration', '3s')).toBe('duration>=3s a=1');
    expect(setField('', 'status', 'error')).toBe('status=error');
  });

  it('are left out when they are empty', () => {
    expect(setField('service=checkout a=1 duration<2s', 'service', '')).toBe('a=1 duration<2s');
    expect(setField('duration<2s', 'maxDuration', '')).toBe('');
    expect(setField('a=1', 'operation', '')).toBe('a=1');
  });

  it('come back as they were set, whatever else is on the line', () => {
    const value = fc.record({
      service: fc.string({ minLength: 1 }),
      operation: fc.string({ minLength: 1 }),
      status: fc.constantFrom('ok', 'error'),
      minDuration: fc.integer({ min: 1, max: 1e9 }).map((us) => `${us}us`),
      maxDuration: fc.integer({ min: 1e9, max: 1e12 }).map((us) => `${us}us`),
    });
    fc.assert(
      fc.property(value, fc.shuffledSubarray([...LINE_FIELDS]), (fields, order) => {
        const line = order.reduce((line, field) => setField(line, field, fields[field]), 'a=1');
        expect(parseQuery(line).attributes).toEqual(parseQuery('a=1').attributes);
        for (const field of LINE_FIELDS.filter((each) => !each.endsWith('Duration'))) {
          expect(readFields(line)[field]).toBe(order.includes(field) ? fields[field] : '');
        }
        const { minDurationUs } = parseQuery(line);
        expect(minDurationUs).toBe(order.includes('minDuration') ? Number.parseInt(fields.minDuration, 10) : undefined);
      }),
    );
  });
});

it('formatCondition quotes what needs quotes', () => {
  expect(formatCondition('operation', 'GET /cart')).toBe('operation="GET /cart"');
  expect(formatCondition('service', 'checkout')).toBe('service=checkout');
});
