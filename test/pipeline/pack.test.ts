/** The npm package as its users meet it: packed, installed by npm into fresh projects, bundled, and run for real. */

import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, extname, join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Trace } from '../../model/span.ts';
import { ROOT, toolEnv } from '../../scripts/run.ts';
import { launchChromium } from '../kit/chromium.ts';
import { startEdge, type TestEdge } from '../kit/edge.ts';
import { tempDir } from '../kit/temp-dir.ts';
import { contextApp, viteApp } from './fixtures/vite-app.ts';
import { workerApp } from './fixtures/worker-app.ts';

const dir = tempDir();
let edge: TestEdge;
let tarball: string;

/** Runs one of the repository's tools in a folder; its exit code, and what it printed. */
function run(cwd: string, command: string, ...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { cwd, env: toolEnv() }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? 1, output: stdout + stderr }),
    );
    child.stdin?.end();
  });
}

/** Runs a tool that has to succeed; what it printed. */
async function tool(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { code, output } = await run(cwd, command, ...args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${output}`);
  return output;
}

/** A project outside the repository, with the packed SDK installed by npm and nothing else. */
async function freshProject(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const project = join(dir.path, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), content);
  }
  await tool(project, 'npm', 'install', '--offline', '--no-audit', '--no-fund', tarball);
  return project;
}

/** Gives a project a package that it would have installed from the registry. */
function link(project: string, name: string): void {
  const path = join(project, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', name), path);
}

function storedTrace(traceId: string): Promise<Trace> {
  return vi.waitUntil(
    async () => {
      const answer = await fetch(`${edge.url}/api/traces/${traceId}`);
      return answer.status === 200 && ((await answer.json()) as Trace);
    },
    { timeout: 10_000, interval: 50 },
  );
}

beforeAll(async () => {
  edge = await startEdge();
  // The runner has built already.
  await tool(ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', dir.path);
  tarball = join(dir.path, globSync('*.tgz', { cwd: dir.path })[0]!);
});

afterAll(async () => {
  await edge?.close();
  dir[Symbol.dispose]();
});

describe('the tarball', () => {
  it('holds the built SDK and its declarations, and no sources', async () => {
    const listed = (await tool(dir.path, 'tar', '-tzf', tarball)).trim().split('\n');
    const files = listed.map((path) => path.replace(/^package\//, ''));
    expect(files).toEqual(
      expect.arrayContaining([
        ...['package.json', 'LICENSE', 'README.md'],
        ...['dist/sdk/index.js', 'dist/sdk/index.d.ts', 'dist/sdk/recorder.js', 'dist/sdk/steering.js'],
        ...['edge', 'context', 'await', 'vite', 'otel', 'otlp', 'consent'].flatMap((name) => [
          `dist/sdk/${name}.js`,
          `dist/sdk/${name}.d.ts`,
        ]),
      ]),
    );
    expect(files.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([]);
    expect(files.filter((path) => !/^(dist\/sdk\/|package\.json$|LICENSE$|README\.md$)/.test(path))).toEqual([]);
  });

  it('satisfies publint', async () => {
    expect(await tool(ROOT, 'publint', 'run', tarball, '--strict')).toContain('All good!');
  });

  it('satisfies are-the-types-wrong, for the modules it is made of', async () => {
    // The recorder is a script for `new Worker`, nobody imports it.
    const args = [tarball, '--profile', 'esm-only', '--exclude-entrypoints', 'recorder', '--no-color'];
    const verdict = await tool(ROOT, 'attw', ...args);
    for (const entry of ['', '/edge', '/context', '/await', '/vite', '/otel', '/otlp', '/consent']) {
      expect(verdict).toContain(`"tailrace${entry}"`);
    }
  });
});

describe('in a fresh Vite app', () => {
  let project: string;
  let browser: Browser;
  const servers: Server[] = [];

  beforeAll(async () => {
    project = await freshProject('vite-app', viteApp);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });

  it('has types that check, and refuses wrong options', async () => {
    await tool(project, 'tsc', '--noEmit');
    const wrong = "import { init } from 'tailrace';\ninit({ serviceName: 1, endpoint: 'https://edge.test' });\n";
    writeFileSync(join(project, 'src/wrong.ts'), wrong);
    const { code, output } = await run(project, 'tsc', '--noEmit');
    expect([code === 0, output]).toEqual([false, expect.stringContaining("Type 'number' is not assignable")]);
  });

  it('is bundled with its recorder as a file of its own', async () => {
    await tool(project, 'vite', 'build', '--logLevel', 'warn');
    const names = globSync('dist/assets/*.js', { cwd: project }).map((path) => basename(path));
    expect(names).toEqual(
      expect.arrayContaining([expect.stringMatching(/^index-/), expect.stringMatching(/^recorder/)]),
    );
  });

  it.each([
    ['shared', { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }],
    ['copied', {}],
  ])('records in mode %s and its spans arrive', async (mode, headers) => {
    const url = await serve(join(project, 'dist'), headers);
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(`${url}/?edge=${encodeURIComponent(edge.url)}`);
    await page.waitForFunction('document.body.dataset.flushed === "yes"');
    expect(await page.getAttribute('body', 'data-mode')).toBe(mode);
    expect(page.workers().map((worker) => basename(new URL(worker.url()).pathname))).toEqual([
      expect.stringMatching(/^recorder.*\.js$/),
    ]);
    const trace = await storedTrace((await page.getAttribute('body', 'data-trace-id'))!);
    expect(trace.spans).toHaveLength(1);
    expect(trace.spans[0]).toMatchObject({ name: 'packed', attributes: { from: 'npm' } });
    expect(trace.spans[0]!.resource.attributes['service.name']).toBe('packed-page');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('keeps the active span across await with the plugin, of both APIs', async () => {
    const app = await freshProject('context-app', contextApp);
    link(app, '@opentelemetry/api');
    await tool(app, 'tsc', '--noEmit');
    await tool(app, 'vite', 'build', '--logLevel', 'warn');
    const url = await serve(join(app, 'dist'), {});
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${url}/?edge=${encodeURIComponent(edge.url)}`);
    await page.waitForFunction('document.body.dataset.flushed === "yes"');
    const trace = await storedTrace((await page.getAttribute('body', 'data-trace-id'))!);
    const nameOf = new Map(trace.spans.map(({ spanId, name }) => [spanId, name]));
    const tree = trace.spans.map(({ name, parentSpanId, scope }) => [name, nameOf.get(parentSpanId ?? ''), scope.name]);
    expect(tree.sort()).toEqual([
      ['after a timer', 'outer', 'tailrace'],
      ['after await', 'inner', 'tailrace'],
      ['inner', 'outer', 'some-library'],
      ['outer', undefined, 'tailrace'],
    ]);
    expect(problems).toEqual([]);
    // A map leads from what is served to what was written.
    const [file] = globSync('dist/assets/index-*.js', { cwd: app });
    const map = JSON.parse(readFileSync(join(app, `${file}.map`), 'utf8')) as { sourcesContent: string[] };
    expect(map.sourcesContent).toContain(contextApp['src/main.ts']);
    await page.close();
  });

  it('can be imported in Node, where it does nothing', async () => {
    const script = `
      const before = Object.getOwnPropertyNames(globalThis).join();
      const { init } = await import('tailrace');
      const { tracer, flush } = init({ serviceName: 'ssr', endpoint: 'https://edge.test' });
      console.log(tracer.withSpan('nothing', () => 'ran'), await flush());
      console.log(Object.getOwnPropertyNames(globalThis).join() === before);`;
    expect(await tool(project, 'node', '--input-type=module', '--eval', script)).toBe('ran undefined\ntrue\n');
  });

  /** A static server of `root`; its origin. */
  async function serve(root: string, headers: Readonly<Record<string, string>>): Promise<string> {
    const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://localhost');
      const path = pathname === '/' ? '/index.html' : pathname;
      try {
        const body = readFileSync(join(root, path));
        response.writeHead(200, { ...headers, 'content-type': types[extname(path)] ?? 'application/octet-stream' });
        response.end(body);
      } catch {
        response.writeHead(204).end();
      }
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
});

describe('in a fresh Worker project', () => {
  let project: string;

  beforeAll(async () => {
    project = await freshProject('worker-app', workerApp);
    link(project, '@cloudflare/workers-types');
  });

  it('has types that check, and refuses wrong options', async () => {
    await tool(project, 'tsc', '--noEmit');
    const wrong = "import { instrument } from 'tailrace/edge';\nexport default instrument({}, { serviceName: 1 });\n";
    writeFileSync(join(project, 'src/wrong.ts'), wrong);
    const { code, output } = await run(project, 'tsc', '--noEmit');
    expect([code === 0, output]).toEqual([false, expect.stringContaining("Type 'number' is not assignable")]);
  });

  it('is bundled by wrangler, and its spans arrive', async () => {
    const modulesRoot = join(project, 'bundle');
    await tool(project, 'wrangler', 'deploy', '--dry-run', '--outdir', modulesRoot);
    const worker = new Miniflare(
      convertV4MiniflareOptions({
        name: 'packed-worker',
        compatibilityDate: '2026-10-01',
        modules: [{ type: 'ESModule', path: join(modulesRoot, 'index.js') }],
        modulesRoot,
        bindings: { EDGE: edge.url },
        cf: false,
        telemetry: { enabled: false },
        log: new Log(LogLevel.ERROR),
      }),
    );
    try {
      const answer = await worker.dispatchFetch('http://packed.test/things/7');
      const { traceId, sum } = (await answer.json()) as { traceId: string; sum: number };
      expect(sum).toBe(3);
      const { spans } = await storedTrace(traceId);
      expect(spans.map(({ name, kind }) => [name, kind])).toEqual(
        expect.arrayContaining([
          ['GET /things/:id', 'server'],
          ['add', 'internal'],
        ]),
      );
      expect(spans).toHaveLength(2);
    } finally {
      await worker.dispose();
    }
  });
});
