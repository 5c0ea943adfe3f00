/** Spans of one set by where they are in the tree to those of another. */

import type { SpanTree } from '../tree.ts';
import type { SpansetOperator } from './ast.ts';

type Structural = Exclude<SpansetOperator, '&&' | '||'>;
type Relation = '>' | '<' | '>>' | '<<' | '~';

/** Rows in ascending order: of `right` those that are in the relation to `left`, or with `!` are not; with `&` both sides' that are. */
export function relate(
  tree: SpanTree,
  left: readonly number[],
  operator: Structural,
  right: readonly number[],
): number[] {
  const relation = operator.replace(/^[!&]/, '') as Relation;
  const isRelated = rowsRelatedTo(tree, left, relation);
  if (operator.startsWith('!')) return right.filter((row) => isRelated[row] === 0);
  const related = right.filter((row) => isRelated[row] === 1);
  if (!operator.startsWith('&')) return related;
  const isOther = rowsRelatedTo(tree, right, INVERSE[relation]);
  return mergeRows(
    related,
    left.filter((row) => isOther[row] === 1),
  );
}

const INVERSE: Readonly<Record<Relation, Relation>> = { '>': '<', '<': '>', '>>': '<<', '<<': '>>', '~': '~' };

export function mergeRows(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** 1 for each row that is a child, parent, descendant, ancestor or sibling of one of `rows`. Parents are above their children. */
function rowsRelatedTo({ parent, spans }: SpanTree, rows: readonly number[], relation: Relation): Uint8Array {
  const count = spans.length;
  const isIn = new Uint8Array(count);
  for (const row of rows) isIn[row] = 1;
  const related = new Uint8Array(count);
  switch (relation) {
    case '>':
      for (let row = 0; row < count; row++) related[row] = parent[row]! < 0 ? 0 : isIn[parent[row]!]!;
      break;
    case '>>':
      for (let row = 0; row < count; row++) {
        const above = parent[row]!;
        related[row] = above < 0 ? 0 : isIn[above]! | related[above]!;
      }
      break;
    case '<':
      for (const row of rows) if (parent[row]! >= 0) related[parent[row]!] = 1;
      break;
    case '<<':
      for (let row = count - 1; row >= 0; row--) {
        if (parent[row]! >= 0 && (isIn[row]! | related[row]!) === 1) related[parent[row]!] = 1;
      }
      break;
    case '~': {
      const siblings = new Int32Array(count);
      for (const row of rows) if (parent[row]! >= 0) siblings[parent[row]!]!++;
      for (let row = 0; row < count; row++) {
        related[row] = parent[row]! >= 0 && siblings[parent[row]!]! > isIn[row]! ? 1 : 0;
      }
    }
  }
  return related;
}
