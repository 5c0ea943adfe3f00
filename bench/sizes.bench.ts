/** What everything that is downloaded or started weighs, and what OpenTelemetry's web SDK weighs built in the same way. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { ROOT } from '../scripts/run.ts';

interface Sized {
  readonly name: string;
  /** One entry a file; files are compressed each for itself, as they are served. */
  readonly files: readonly Uint8Array[];
}

const built = (name: string, ...patterns: string[]): Sized => ({
  name,
  files: patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).map((file) => readFileSync(join(ROOT, file))),
});

/** One minified module with everything `entry` needs, as an application's bundler makes it. */
async function bundled(name: string, entry: string, external: string[] = []): Promise<Sized> {
  const output = (await build({
    configFile: false,
    root: ROOT,
    publicDir: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      minify: false,
      lib: { entry, formats: ['es'] },
      rolldownOptions: { external, output: { minify: true } },
    },
  })) as Rolldown.RolldownOutput[];
  const files = output
    .flatMap((one) => one.output)
    .map((part) => ('code' in part ? Buffer.from(part.code) : Buffer.alloc(0)));
  return { name, files };
}

function line({ name, files }: Sized): string {
  if (files.length === 0) throw new Error(`${name} was not built`);
  const sum = (size: (file: Uint8Array) => number) =>
    files.reduce((total, file) => total + size(file), 0).toLocaleString('en');
  const raw = sum((file) => file.length);
  const gzip = sum((file) => gzipSync(file, { level: 9 }).length);
  return [name.padEnd(54), raw, gzip, sum((file) => brotliCompressSync(file).length)]
    .map((cell, i) => (i === 0 ? cell : cell.padStart(10)))
    .join('');
}

console.log(`${'bytes'.padEnd(54)}${['minified', 'gzip', 'brotli'].map((title) => title.padStart(10)).join('')}`);
console.log(line(built('script tag: the page, with its instrumentation', 'dist/site/sdk/tailrace.js')));
console.log(line(built('script tag: recorder, loaded when spans are sent', 'dist/site/sdk/recorder.js')));
console.log(line(built('script tag: steering, where the edge has something to say', 'dist/site/sdk/steering.js')));
console.log(
  line(
    await bundled('import: the page, with its instrumentation', 'dist/sdk/index.js', [
      './recorder.js',
      './steering.js',
    ]),
  ),
);
console.log(line(built('import: recorder', 'dist/sdk/recorder.js')));
console.log(line(await bundled('OpenTelemetry web: no instrumentation, OTLP/JSON', 'bench/page/opentelemetry.ts')));
console.log(line(built('tailrace/edge in a Worker, not minified', 'dist/sdk/edge.js')));
console.log(line(built('edge: the Worker, not minified', 'dist/worker/index.js')));
console.log(line(built('edge: the page', 'dist/site/index.html', 'dist/site/assets/*.js', 'dist/site/assets/*.css')));
