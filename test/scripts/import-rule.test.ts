import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../../scripts/run.ts';
import { tempDir } from '../kit/temp-dir.ts';

// The rules of this repository, run over a small one in which each file breaks or keeps one of them.
const dir = tempDir();
const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir.path, path)), { recursive: true });
  writeFileSync(join(dir.path, path), `${text}\n`);
}

/** What a tool printed, whether it failed or not. */
async function output(tool: string, ...args: string[]): Promise<string> {
  const run = promisify(execFile)(bin('node'), [bin(tool), ...args], { cwd: dir.path });
  const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error);
  return stdout + stderr;
}

beforeAll(() => {
  for (const file of [
    '.dependency-cruiser.cjs',
    'biome.json',
    '.gitignore',
    'package.json',
    'tsconfig.json',
    'scripts/pure-core.grit',
  ]) {
    cpSync(join(ROOT, file), join(dir.path, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(dir.path, 'node_modules'));
});
afterAll(() => dir[Symbol.dispose]());

test('an import that goes up or sideways is refused however it is written', async () => {
  write('store/store.ts', 'export const store = 1;\nexport interface Store {\n  readonly a: 1;\n}');
  write('worker/down.ts', "export { store } from '../store/store.ts';");
  write('model/value.ts', "import { store } from '../store/store.ts';\n\nexport const a = store;");
  write('model/type.ts', "import type { Store } from '../store/store.ts';\n\nexport type A = Store;");
  write('model/dynamic.ts', "export const load = () => import('../store/store.ts');");
  write('model/bare.ts', "export * from '../store/store';");
  write('model/js.ts', "export * from '../store/store.js';");
  write('client/view.tsx', "export { store } from '../store/store.ts';");
  const printed = await output('depcruise', 'model', 'client', 'store', 'worker');
  for (const file of ['value', 'type', 'dynamic', 'bare', 'js']) {
    expect(printed).toContain(`model-imports-downwards: model/${file}.ts → store/store.ts`);
  }
  expect(printed).toContain('client-imports-downwards: client/view.tsx → store/store.ts');
  expect(printed).toContain('6 dependency violations');
});

test('imports in a circle are refused', async () => {
  write('ui/a.ts', "import { b } from './b.ts';\n\nexport const a = () => b;");
  write('ui/b.ts', "import { a } from './a.ts';\n\nexport const b = () => a;");
  expect(await output('depcruise', 'ui')).toContain('no-circular');
});

test('an import without its .ts is refused', async () => {
  const printed = await output('biome', 'lint', 'model/bare.ts', 'model/js.ts', 'model/type.ts');
  expect(printed).toMatch(/model\/bare\.ts:1:\d+ lint\/correctness\/useImportExtensions/);
  expect(printed).not.toMatch(/model\/type\.ts/);
});

test('the clock and randomness are for the shells that biome.json lists', async () => {
  const ambient = 'export const read = () => [Date.now(), Math.random(), performance.now(), new Date()];';
  write('model/ambient.ts', ambient);
  write('worker/index.ts', ambient);
  write('scripts/ambient.ts', ambient);
  write('model/pure.ts', 'export const at = (nowMs: number) => new Date(nowMs);');
  const printed = await output('biome', 'lint', 'model/ambient.ts', 'model/pure.ts', 'worker', 'scripts');
  expect(printed.match(/\S+\.ts:1:\d+ plugin/g)).toHaveLength(4);
  expect(printed.match(/model\/ambient\.ts:1:\d+ plugin/g)).toHaveLength(4);
});
