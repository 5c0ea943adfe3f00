import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build, type Plugin } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../../client/api/context.ts';
import { carryContext } from '../../../client/context/index.ts';
import { tailraceContext } from '../../../client/context/vite.ts';
import { ROOT } from '../../../scripts/run.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { type Pages, startPages } from '../../kit/pages.ts';
import { createTracer, runShapes, type Verdict } from './run-shapes.ts';

let browser: Browser;
let pages: Pages;

beforeAll(async () => {
  [browser, pages] = await Promise.all([launchChromium(), startPages()]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), pages?.close()]);
});

/** The page's script, with native `await`. */
async function bundle(plugins: Plugin[]): Promise<string> {
  const result = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    plugins,
    resolve: { alias: { 'tailrace/await': join(ROOT, 'client/context/await.ts') } },
    build: {
      write: false,
      minify: false,
      target: 'esnext',
      lib: { entry: 'test/browser/context/page.ts', formats: ['iife'], name: 'shapes' },
    },
  });
  return (result as { output: { code: string }[] }[])[0]!.output[0]!.code;
}

async function inPage(script: string, carried: boolean): Promise<Record<string, Verdict>> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(pages.url('plain', ''));
  await page.exposeFunction('press', (id: string) => page.click(`#${id}`));
  await page.evaluate(() => {
    document.body.innerHTML =
      '<button id=first>first</button><button id=second>second</button><button id=early>early</button>';
    document.getElementById('early')!.addEventListener('click', () => (globalThis as { early?: () => void }).early?.());
  });
  await page.addScriptTag({ content: script });
  const verdicts = await page.evaluate(
    (carried) =>
      (globalThis as unknown as { tryShapes(carried: boolean): Promise<Record<string, Verdict>> }).tryShapes(carried),
    carried,
  );
  expect(errors).toEqual([]);
  await page.close();
  return verdicts;
}

/** Node has what `AsyncContext` will be made of; no browser has it yet. */
async function inAsyncContext(): Promise<Record<string, Verdict>> {
  const server = createServer((_, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  globalThis.AsyncContext = {
    Variable: class {
      readonly #storage = new AsyncLocalStorage<Context>();
      get() {
        return this.#storage.getStore();
      }
      run<T>(context: Context, fn: () => T): T {
        return this.#storage.run(context, fn);
      }
    },
  };
  const end = carryContext();
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    return await runShapes({ tracer: createTracer(), url, press: () => Promise.reject() });
  } finally {
    end();
    globalThis.AsyncContext = undefined;
    server.close();
  }
}

describe('the active span', () => {
  it('is right or missing, and nowhere wrong, as docs/context.md has it', { timeout: 120_000 }, async () => {
    const [plain, changed] = await Promise.all([bundle([]), bundle([tailraceContext() as Plugin])]);
    const columns = {
      plain: await inPage(plain, false),
      carried: await inPage(plain, true),
      plugin: await inPage(changed, true),
      AsyncContext: await inAsyncContext(),
    };
    const head = [`| | ${Object.keys(columns).join(' | ')} |`, '|---|---|---|---|---|'];
    const rows = Object.keys(columns.plain).map(
      (shape) =>
        `| ${shape} | ${Object.values(columns)
          .map((column) => column[shape])
          .join(' | ')} |`,
    );
    const table = [...head, ...rows].join('\n');
    expect(table).not.toContain('wrong');
    const docs = readFileSync(join(ROOT, 'docs/context.md'), 'utf8');
    expect(docs.slice(docs.indexOf('| | plain'), docs.indexOf('\n\n', docs.indexOf('| | plain')))).toBe(table);
  });
});
