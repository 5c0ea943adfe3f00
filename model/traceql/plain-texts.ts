import { type PatternNode, parsePattern } from '../pattern-syntax.ts';

/** More are not worth looking for one by one. */
const MAX_TEXTS = 32;

/** All texts that a pattern can be the whole of, where it says no more than them, such as `shop|cart`; null where it says more. Throws PatternError. */
export function plainTexts(pattern: string): string[] | null {
  return textsOf(parsePattern(pattern));
}

function textsOf(node: PatternNode): string[] | null {
  switch (node.kind) {
    case 'unit': {
      const [first, last] = node.ranges;
      return node.ranges.length === 2 && first === last ? [String.fromCharCode(first!)] : null;
    }
    case 'either':
      return combine(node.nodes, [], (texts, more) => [...texts, ...more]);
    case 'sequence':
      return combine(node.nodes, [''], (texts, more) => texts.flatMap((text) => more.map((next) => text + next)));
    case 'begin':
    case 'end':
    case 'repeat':
      return null;
  }
}

function combine(
  nodes: readonly PatternNode[],
  first: readonly string[],
  add: (texts: readonly string[], more: readonly string[]) => string[],
): string[] | null {
  let texts: string[] = [...first];
  for (const node of nodes) {
    const more = textsOf(node);
    if (more === null) return null;
    texts = add(texts, more);
    if (texts.length > MAX_TEXTS) return null;
  }
  return texts;
}
