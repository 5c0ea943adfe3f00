import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../model/pattern.ts';
import { PatternError } from '../../model/pattern-syntax.ts';
import { seededRandom } from '../kit/random.ts';

/** Patterns of all that is accepted, over few letters so that they match often. */
const { pattern } = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(
      ...'abc',
      '.',
      '\\d',
      '\\W',
      '\\s',
      '\\.',
      '\\/',
      '\\x61',
      '\\u0062',
      '\\n',
      '-',
      ',',
      '=',
      ':',
      '/',
      'é',
    ),
    fc.constantFrom('[ab]', '[^ab]', '[a-c1]', '[\\d-]', '[^\\s\\w]', '[.*+]', '[-a]', '[\\]]', '[^\\u0000-b]'),
    tie('pattern').map((inside) => `(${inside})`),
    tie('pattern').map((inside) => `(?:${inside})`),
  ),
  pattern: fc
    .array(
      fc.tuple(
        fc.oneof({ weight: 8, arbitrary: tie('atom') }, { weight: 1, arbitrary: fc.constantFrom('^', '$', '|') }),
        fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?', '+?'),
      ),
      { maxLength: 5 },
    )
    .map((parts) => parts.map(([atom, times]) => ('^$|'.includes(atom) ? atom : atom + times)).join('')),
}));
const text = fc.string({ unit: fc.constantFrom(...'abc1 .-/\n', 'é', '\u2028', ']', '^'), maxLength: 12 });

/** Or nothing where the generator was carried away. */
function tryCompile(source: string) {
  try {
    return compilePattern(source);
  } catch (error) {
    fc.pre(!(error as Error).message.includes('too large'));
    throw error;
  }
}

describe('compilePattern', () => {
  it('finds what JavaScript finds', () => {
    let found = 0;
    let runs = 0;
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 10 }), (source, texts) => {
        const matches = tryCompile(source);
        const expected = new RegExp(source);
        for (const one of texts) {
          expect([source, one, matches(one)]).toEqual([source, one, expected.test(one)]);
          found += Number(matches(one));
          runs++;
        }
      }),
      { numRuns: 5_000 },
    );
    expect(found).toBeGreaterThan(runs / 20);
    expect(found).toBeLessThan((runs * 19) / 20);
  });

  it.each([
    ['^/api/.*', '/api/users', '/v2/api/users'],
    ['^GET /users/\\d+$', 'GET /users/17', 'GET /users/me'],
    ['(health|ready|live)z?$', '/livez', '/lively'],
    ['^5\\d\\d$', '503', '5030'],
    ['\\.internal$', 'db.internal', 'db.internal.example'],
    ['^(a+)+$', 'aaaa', 'aab'],
  ])('%s', (source, yes, no) => {
    const matches = compilePattern(source);
    expect(matches(yes)).toBe(true);
    expect(matches(no)).toBe(false);
  });

  it.each([
    ['(a', 'a ( is not closed'],
    ['a)', 'there is a ) without ('],
    ['[a', 'a [ is not closed'],
    ['[]', 'a set of characters is empty'],
    ['[b-a]', 'a range ends before it begins'],
    ['*a', 'there is nothing to repeat'],
    ['a**', 'there is nothing to repeat'],
    ['^*', '^ and $ cannot be repeated'],
    ['a{', '{ begins a number of times'],
    ['a{3,2}', 'a number of times ends before it begins'],
    ['(a)\\1', '\\1 is not known here'],
    ['\\bword', '\\b is not known here'],
    ['(?=a)', 'only (?: is known'],
    ['(?<!a)b', 'only (?: is known'],
    ['\\x6', '2 hex digits are missing'],
    ['a\\', 'there is nothing after \\'],
    ['((a{50}){50}){50}', 'the pattern is too large'],
    ['('.repeat(100) + ')'.repeat(100), 'groups are nested deeper'],
  ])('refuses %s', (source, message) => {
    expect(() => compilePattern(source)).toThrow(PatternError);
    expect(() => compilePattern(source)).toThrow(message);
  });

  it('goes on when it has forgotten what it remembered', () => {
    // The last 12 letters are what a state is: thousands of them, of which 200 are remembered.
    const matches = compilePattern('a[ab]{12}c');
    const expected = /a[ab]{12}c/;
    const random = seededRandom(1);
    let found = 0;
    for (let i = 0; i < 300; i++) {
      const letters = Array.from({ length: 100 }, () => (random() < 0.02 ? 'c' : random() < 0.3 ? 'a' : 'b')).join('');
      expect(matches(letters)).toBe(expected.test(letters));
      found += Number(matches(letters));
    }
    expect(found).toBeGreaterThan(20);
    expect(found).toBeLessThan(280);
  });

  it('takes work in proportion to the text, whatever the pattern', () => {
    // JavaScript's own needs longer than the universe is old for the first of these.
    for (const source of ['^(a+)+$', '^(a|a)*$', '(.*)*(.*)*(.*)*x', '(a?){100}a{100}$', '(a*)*b']) {
      expect(compilePattern(source)(`${'a'.repeat(4_000)}!`)).toBe(false);
    }
  });
});
