import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';
import { swapContext } from '../../../client/api/context.ts';
import { frame } from '../../../client/context/await.ts';
import { keepContext, type Node } from '../../../client/context/transform.ts';

const change = (code: string) => keepContext(code, parseAst(code) as Node, 'tailrace/await');

/** Runs a module's changed text, which sets `result`. */
async function run(code: string): Promise<unknown> {
  const changed = change(code)?.code.replace(/^import .*?;/, '');
  expect(changed, code).toBeDefined();
  const fn = new Function('__tailraceFrame', `${changed}\nreturn result;`);
  return fn(frame);
}

describe('a changed async function', () => {
  it.each([
    [
      'arrow with an object',
      'const f = async (x) => ({ a: await x, b: [await 2] }); const result = f(1);',
      { a: 1, b: [2] },
    ],
    ['arrow with a comment', 'const f = async x /* => */ => /* y */ await x // z\n; const result = f(1);', 1],
    ['arrow next to its await', 'const result = (async()=>await(1, 2))();', 2],
    ['nested arrows', 'const result = (async () => await (async () => await (await 3))())();', 3],
    [
      'this and arguments',
      'const o = { n: 4, async m() { return this.n + arguments.length + (await 1); } }; const result = o.m(1);',
      6,
    ],
    ['directive', 'async function f() { "use strict"; await 1; return this; } const result = f();', undefined],
    [
      'hoisting',
      'async function f() { return g() + await x; var x = 1; function g() { return "a"; } } const result = f();',
      'aundefined',
    ],
    [
      'finally',
      'async function f(log) { try { await 1; return log; } finally { log.push(await 2); } } const result = f([]);',
      [2],
    ],
    [
      'catch without a name',
      'async function f() { try { await Promise.reject(1); } catch { return 5; } } const result = f();',
      5,
    ],
    [
      'class',
      'class A { async a() { return 1; } } class B extends A { async a() { return 1 + await super.a(); } } const result = new B().a();',
      2,
    ],
    ['text around', 'const ö = "😀"; const result = (async () => "é😀".concat(await ö, "é", await "x"))();', 'é😀😀éx'],
    [
      'for await, no braces',
      'async function f(s = 0) { if (s === 0) for await (const n of [1, Promise.resolve(2)]) s += n; else s = 9; return s; } const result = f();',
      3,
    ],
    [
      'for await in for await',
      'async function f(s = "") { for await (const a of [1, 2]) for await (const b of [a, 3]) s += b; return s; } const result = f();',
      '1323',
    ],
    [
      'labels',
      'async function f(s = "") { a: b: for await (const x of [1, 2, 3]) { for (;;) { if (x === 2) continue a; if (x === 3) break b; break; } s += x; } return s; } const result = f();',
      '1',
    ],
    [
      'generator',
      'async function* g() { const got = yield 1; yield* [got, 2]; } async function f() { const i = g(), all = []; await i.next(); all.push((await i.next("x")).value); for await (const n of i) all.push(n); return all; } const result = f();',
      ['x', 2],
    ],
    [
      'yield of nothing',
      'async function* g() { yield; } const result = g().next();',
      { done: false, value: undefined },
    ],
    [
      'generator that returns promises',
      'async function* g(x) { try { if (await x) return (Promise.resolve(1), Promise.resolve(2)); return; } finally { await 3; } } const result = Promise.all([g(1).next(), g(0).next()]);',
      [
        { done: true, value: 2 },
        { done: true, value: undefined },
      ],
    ],
    [
      'for await over a text',
      'async function f(s = "") { for await (const c of "abc") s = c + s; return s; } const result = f();',
      'cba',
    ],
  ])('still does what it did: %s', async (_, code, result) => {
    expect(await run(code)).toEqual(result);
  });

  it('throws what it threw', async () => {
    await expect(run('const result = (async () => { await 1; throw new RangeError("far"); })();')).rejects.toThrow(
      'far',
    );
  });

  it('never leaves its context behind, whichever way it ends', async () => {
    const own = { span: null };
    const before = swapContext(own);
    const waiting = Promise.all([
      run('const result = (async () => { await 1; })();'),
      run('const result = (async () => { await 1; throw 1; })().catch(() => 1);'),
      run('const result = (async () => { await Promise.reject(1); })().catch(() => 1);'),
      run('const result = (async () => { for await (const x of [1, 2]) if (x) break; })();'),
      run('const result = (async () => { for await (const x of [1]) return x; })();'),
      run(
        'async function* g() { try { yield 1; } finally { await 2; } } const result = (async () => { for await (const x of g()) throw x; })().catch(() => 1);',
      ),
      run(
        'async function* g() { await 1; return Promise.resolve().then(() => null).then(() => null); } const result = g().next();',
      ),
    ]);
    expect(swapContext(before)).toBe(own);
    const seen = new Set<unknown>();
    let isOver = false;
    const watch = async () => {
      while (!isOver) {
        const now = swapContext(undefined);
        swapContext(now);
        seen.add(now);
        await null;
      }
    };
    await Promise.all([watch(), waiting.then(() => (isOver = true))]);
    expect([...seen]).toEqual([undefined]);
  });

  it('is left alone when it does not wait, or waits where nothing can be added', () => {
    expect(change('async function f() { return g(); } const f2 = () => 1; await 1;')).toBeNull();
    expect(change('async function f() { await using file = open(); await 1; }')).toBeNull();
  });

  it('keeps its lines, and its places in a source map', () => {
    const code = "'use client';\nasync function f(x) {\n  return g(await x);\n}\n";
    const { code: changed, map: json } = change(code)!;
    const map = JSON.parse(json);
    expect(changed.split('\n')).toHaveLength(code.split('\n').length);
    expect(changed).toMatch(/^'use client';import/);
    expect(map.sourcesContent).toEqual([code]);
    expect(map.mappings.split(';')).toHaveLength(5);
  });
});
