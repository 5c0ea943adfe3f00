import { describe, expect, it } from 'vitest';
import {
  parseGoBool,
  parseGoDurationUs,
  parseGoFloat,
  parseGoInt,
  parseGoTextMap,
  parseGoTimeUs,
} from '../../../worker/compat/go-text.ts';

describe('what Go reads', () => {
  it.each<[string, number]>([
    ['0', 0],
    ['5ms', 5_000],
    ['1h15m30.918273645s', 4_530_918_274],
    ['1.5s', 1_500_000],
    ['.5s', 500_000],
    ['5.s', 5_000_000],
    ['-1.5h', -5_400_000_000],
    ['+5s', 5_000_000],
    ['3µs', 3],
    ['3μs', 3],
    ['3us2ms', 2_003],
    ['1499ns', 1],
    ['2562047h47m16.85s', 9_223_372_036_850_000],
  ])('the duration %s', (text, us) => {
    expect(parseGoDurationUs(text)).toBe(us);
  });

  it.each<[string, string]>([
    ['', 'time: invalid duration ""'],
    ['3', 'time: missing unit in duration "3"'],
    ['-', 'time: invalid duration "-"'],
    ['s', 'time: invalid duration "s"'],
    ['.', 'time: invalid duration "."'],
    ['.s', 'time: invalid duration ".s"'],
    ['1d', 'time: unknown unit "d" in duration "1d"'],
    ['1 s', 'time: unknown unit " s" in duration "1 s"'],
    ['3000000h', 'time: invalid duration "3000000h"'],
    ['1__proto__', 'time: unknown unit "__proto__" in duration "1__proto__"'],
  ])('no duration of %j', (text, message) => {
    expect(() => parseGoDurationUs(text)).toThrow(message);
  });

  it.each<[string, number]>([
    ['2026-01-02T03:04:05Z', 1_767_323_045_000_000],
    ['2026-01-02T03:04:05.1234567Z', 1_767_323_045_123_456],
    ['2026-01-02T05:04:05.000001+02:00', 1_767_323_045_000_001],
    ['1969-12-31T23:59:59.5Z', -500_000],
  ])('the time %s', (text, us) => {
    expect(parseGoTimeUs(text)).toBe(us);
  });

  it.each(['', 'now', '2026-01-02', '2026-01-02 03:04:05Z', '2026-13-02T03:04:05Z', '2026-01-02T03:04:05'])(
    'no time of %j',
    (text) => {
      expect(() => parseGoTimeUs(text)).toThrow(`parsing time ${JSON.stringify(text)} as "2006-01-02T15:04`);
    },
  );

  it('numbers and bools', () => {
    expect([parseGoInt('+7'), parseGoInt('-007'), parseGoInt('2147483647', 'Atoi', 32)]).toEqual([
      7, -7, 2_147_483_647,
    ]);
    expect(() => parseGoInt('2147483648', 'Atoi', 32)).toThrow(
      'strconv.Atoi: parsing "2147483648": value out of range',
    );
    expect(() => parseGoInt('9223372036854775807')).toThrow('value out of range');
    expect(() => parseGoInt('1e3')).toThrow('strconv.ParseInt: parsing "1e3": invalid syntax');
    expect([parseGoFloat('.95'), parseGoFloat('1e-1')]).toEqual([0.95, 0.1]);
    expect(() => parseGoFloat('0,5')).toThrow('strconv.ParseFloat: parsing "0,5": invalid syntax');
    expect(['1', 'T', 'True', '0', 'f', 'FALSE'].map(parseGoBool)).toEqual([true, true, true, false, false, false]);
    expect(() => parseGoBool('tRUE')).toThrow('strconv.ParseBool: parsing "tRUE": invalid syntax');
    expect(() => parseGoBool('toString')).toThrow('invalid syntax');
  });

  it('maps of text', () => {
    expect([...parseGoTextMap('{"a":"b","__proto__":"c","d":null}')]).toEqual([
      ['a', 'b'],
      ['__proto__', 'c'],
      ['d', ''],
    ]);
    expect(() => parseGoTextMap('{"a":["b"]}')).toThrow('json: cannot unmarshal array into Go value of type string');
    expect(() => parseGoTextMap('true')).toThrow('json: cannot unmarshal bool into Go value of type map[string]string');
  });
});
