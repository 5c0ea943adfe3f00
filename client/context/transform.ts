/**
 * Has async functions keep their context across `await`, by source text:
 *
 *     async function f() { return g(await x); }
 *     async function f() { const t = frame(); try { return g(t.enter(await t.leave(x))); } finally { t.leave(); } }
 *
 * A function that waits in a way that has no place for this (`await using`) is left as it is.
 */

import MagicString from 'magic-string';

/** A node of an ESTree (https://github.com/estree/estree), with places in the text. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

type AnyNode = Node & Readonly<Record<string, unknown>>;

const FRAME = '__tailraceFrame';
const T = '__tailrace';
const OPEN = `const ${T} = ${FRAME}(); try {`;
const CLOSE = `} finally { ${T}.leave(); }`;

/** The changed text and its source map, as JSON; null when nothing in it waits. `frame` is imported from `from`. */
export function keepContext(code: string, program: Node, from: string): { code: string; map: string } | null {
  const text = new MagicString(code);
  // Nested nodes come first, so what is put around one goes around what was put around those in it.
  const before = (at: number, what: string) => text.prependRight(at, what);
  const after = (at: number, what: string) => text.appendLeft(at, what);
  let isChanged = false;

  function changeFunction(fn: AnyNode): void {
    const body = fn.body as AnyNode;
    const inside = waitsOf(body);
    if (!inside.some(({ type }) => type !== 'TryStatement' && type !== 'ReturnStatement')) return;
    if (inside.some(({ kind }) => kind === 'await using')) return;
    isChanged = true;
    for (const node of inside) changeWait(node, fn);
    if (body.type === 'BlockStatement') {
      before(afterDirectives(body), OPEN);
      after(body.end - 1, CLOSE);
    } else {
      before(arrowEnd(code, fn), ` { ${OPEN} return (`);
      after(fn.end, `); ${CLOSE} }`);
    }
  }

  function changeWait(node: AnyNode, fn: AnyNode): void {
    if (node.type === 'AwaitExpression' || node.type === 'YieldExpression') {
      before(node.start, `${T}.enter(`);
      if (node.argument) {
        before(node.delegate ? code.indexOf('*', node.start) + 1 : node.start + 'await'.length, ` ${T}.leave(`);
        after(node.end, '))');
      } else after(node.end, ` ${T}.leave())`);
    } else if (node.type === 'ReturnStatement') {
      // Only a generator waits for what it returns, before it is over.
      if (!node.argument || !fn.generator) return;
      before(node.start + 'return'.length, ` ${T}.leave(`);
      after((node.argument as Node).end, ')');
    } else if (node.type === 'TryStatement') {
      for (const block of [(node.handler as AnyNode | null)?.body, node.finalizer] as (AnyNode | null | undefined)[]) {
        if (block) before(block.start + 1, ` ${T}.enter();`);
      }
    } else if (node.type === 'ForOfStatement') {
      const { start, end, right, body } = node as AnyNode & { right: Node; body: Node };
      before(right.start, `${T}.each((`);
      after(right.end, '))');
      before(body.start, `{ ${T}.enter(); `);
      after(body.end, ' }');
      before(labelled.get(node) ?? start, '{ ');
      after(end, ` ${T}.enter(); }`);
    }
  }

  /** Where the labels of a loop begin, which cannot be parted from it. */
  const labelled = new Map<Node, number>();

  walk(program as AnyNode, (node) => {
    if (node.type === 'LabeledStatement') labelled.set(node.body as Node, labelled.get(node) ?? node.start);
  });
  const functions: AnyNode[] = [];
  walk(program as AnyNode, (node) => {
    if (node.async === true && node.body) functions.push(node);
  });
  for (const fn of functions.reverse()) changeFunction(fn);
  if (!isChanged) return null;
  text.appendLeft(afterDirectives(program as AnyNode), `import { frame as ${FRAME} } from ${JSON.stringify(from)};`);
  return { code: text.toString(), map: text.generateMap({ hires: 'boundary', includeContent: true }).toString() };
}

/** All that this function itself waits for, its `try` statements and where it returns; what is nested comes first. */
function waitsOf(body: AnyNode): AnyNode[] {
  const found: AnyNode[] = [];
  walk(body, (node) => {
    const { type } = node;
    if (node !== body && isFunction(node)) return false;
    const isWait =
      type === 'AwaitExpression' ||
      type === 'YieldExpression' ||
      type === 'TryStatement' ||
      type === 'ReturnStatement' ||
      (type === 'ForOfStatement' && node.await === true) ||
      (type === 'VariableDeclaration' && node.kind === 'await using');
    if (isWait) found.push(node);
    return true;
  });
  return found.reverse();
}

const isFunction = ({ type }: AnyNode) => /^(Function(Expression|Declaration)|ArrowFunctionExpression)$/.test(type);

/** Visits the nodes of a tree, each before what is in it, unless `visit` says false. */
function walk(node: AnyNode, visit: (node: AnyNode) => unknown): void {
  if (visit(node) === false) return;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') walk(child, visit);
    }
  }
}

/** Where the first statement may stand that is not `'use …'`. */
function afterDirectives(block: AnyNode): number {
  const directives = (block.body as AnyNode[]).filter(({ directive }) => typeof directive === 'string');
  return directives.at(-1)?.end ?? (block.type === 'Program' ? 0 : block.start + 1);
}

/** The place behind `=>`. */
function arrowEnd(code: string, fn: AnyNode): number {
  let at = (fn.params as Node[]).at(-1)?.end ?? fn.start;
  while (!code.startsWith('=>', at)) {
    if (code.startsWith('/*', at)) at = code.indexOf('*/', at) + 2;
    else if (code.startsWith('//', at)) at = code.indexOf('\n', at) + 1;
    else at++;
  }
  return at + 2;
}
