import { expect, test } from 'vitest';
import { replaceSection } from '../../scripts/results.ts';

const document = '# Results\n\nHow to read them.\n\n## a\n\n```\n## not a heading\n```\n\n## b\n\nold b\n';

test('a section is replaced whole, the others stay', () => {
  expect(replaceSection(document, 'a', 'new a')).toBe(
    '# Results\n\nHow to read them.\n\n## a\n\nnew a\n\n## b\n\nold b\n',
  );
  expect(replaceSection(document, 'b', 'new b')).toBe(document.replace('old b', 'new b'));
});

test('a new section comes at the end', () => {
  expect(replaceSection(document, 'c', 'new c')).toBe(`${document}\n## c\n\nnew c\n`);
});

test('what is written twice is there once', () => {
  const once = replaceSection(document, 'c', 'new c');
  expect(replaceSection(once, 'c', 'new c')).toBe(once);
});
