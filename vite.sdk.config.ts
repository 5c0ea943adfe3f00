/**
 * Builds the SDK, by `vite build --config vite.sdk.config.ts`:
 * - dist/sdk/: the npm package, as modules (page, recorder, what a page may add, Workers, build plugin) with type
 *   declarations;
 * - dist/site/sdk/: `tailrace.js` for script tags, its recorder, and `producer.js` for workers, served by the edge.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, defineConfig, type InlineConfig, type LibraryOptions, type Plugin } from 'vite';

const ROOT = import.meta.dirname;
const PACKAGE = 'dist/sdk';
const SITE = 'dist/site/sdk';
/** By how they are imported. */
const LATER = new Map([
  ['./recorder/entry.ts', 'recorder.js'],
  ['./recorder.ts', 'recorder-otlp.js'],
  ['./sampling/entry.ts', 'steering.js'],
  ['../sampling/entry.ts', 'steering.js'],
]);

/** What is loaded later stays in files of its own beside the page's modules, found by their names. */
export const recorderBeside: Plugin = {
  name: 'recorder-beside',
  enforce: 'pre',
  resolveId(id) {
    const name = LATER.get(id);
    return name ? { id: `./${name}`, external: 'relative' } : null;
  },
};

/** The last touch: notes for our bundler go, and the one expression that bundlers of our users look for is plain. */
const withoutNotes: Plugin = {
  name: 'without-notes',
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      chunk.code = chunk.code
        .replaceAll(/\s*\/\* ?(@vite-ignore|@__PURE__) ?\*\/\s*/g, ' ')
        .replaceAll(/`(\.\/(?:recorder|recorder-otlp|steering)\.js|tailrace-recorder|module)`/g, '"$1"');
    }
  },
};

export function browserBuild(outDir: string, lib: LibraryOptions, plugins: Plugin[] = []): InlineConfig {
  return {
    configFile: false,
    root: ROOT,
    publicDir: false,
    logLevel: 'warn',
    plugins: [...plugins, withoutNotes],
    build: {
      outDir,
      emptyOutDir: false,
      reportCompressedSize: false,
      target: 'es2022',
      lib,
      // Vite's own setting leaves white space in libraries.
      minify: false,
      rolldownOptions: {
        // There must be one in the page.
        external: ['@opentelemetry/api'],
        treeshake: { manualPureFunctions: ['Array.from'] },
        output: { minify: true, generatedCode: { symbols: false }, chunkFileNames: '[name].js' },
      },
    },
  };
}

const recorder = {
  entry: 'client/recorder/entry.ts',
  formats: ['es'],
  fileName: () => 'recorder.js',
} satisfies LibraryOptions;

const script = {
  entry: 'client/script.ts',
  formats: ['iife'],
  name: 'tailrace',
  fileName: () => 'tailrace.js',
} satisfies LibraryOptions;

/** What a page imports. They share one active span, so they are built together. */
const PAGE_ENTRIES = {
  index: 'client/index.ts',
  context: 'client/context/index.ts',
  await: 'client/context/await.ts',
  otel: 'client/otel/index.ts',
  otlp: 'client/otlp/index.ts',
  consent: 'client/consent/index.ts',
};

const steering = {
  entry: 'client/sampling/entry.ts',
  formats: ['es'],
  fileName: () => 'steering.js',
} satisfies LibraryOptions;

const BUILDS = [
  browserBuild(PACKAGE, { entry: PAGE_ENTRIES, formats: ['es'] }, [recorderBeside]),
  browserBuild(PACKAGE, recorder),
  browserBuild(PACKAGE, { ...recorder, entry: 'client/otlp/recorder.ts', fileName: () => 'recorder-otlp.js' }),
  browserBuild(SITE, recorder),
  browserBuild(PACKAGE, steering),
  browserBuild(SITE, steering),
  browserBuild(SITE, {
    entry: 'client/api/attach-producer.ts',
    formats: ['es'],
    fileName: () => 'producer.js',
  }),
  browserBuild(SITE, script),
];

/** Writes the declarations of `entry`, and of all it names, below dist/sdk/types, and `name`.d.ts beside the module. */
function declare(name: string, entry: string, project: string): void {
  const out = mkdtempSync(join(ROOT, 'dist', '.declarations-'));
  try {
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
    const config = {
      extends: join(ROOT, project),
      compilerOptions: { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: '.', rootDir: ROOT },
      files: [join(ROOT, entry)],
      include: [],
    };
    writeFileSync(join(out, 'tsconfig.json'), JSON.stringify(config));
    execFileSync(tsc, ['--project', out], { cwd: ROOT, stdio: 'inherit' });
    copyDeclaration(out, entry.replace(/\.ts$/, '.d.ts'), new Set());
  } finally {
    rmSync(out, { recursive: true });
  }
  writeFileSync(join(ROOT, PACKAGE, `${name}.d.ts`), `export * from './types/${entry.replace(/\.ts$/, '.js')}';\n`);
}

/** Copies one declaration file and those it imports. In a package they name modules, not sources. */
function copyDeclaration(from: string, path: string, copied: Set<string>): void {
  if (copied.has(path)) return;
  copied.add(path);
  const text = readFileSync(join(from, path), 'utf8');
  const target = join(ROOT, PACKAGE, 'types', path);
  mkdirSync(dirname(target), { recursive: true });
  const specifier = /(from |import\()(['"])(\.[^'"]+)\.ts\2/g;
  writeFileSync(target, text.replace(specifier, '$1$2$3.js$2'));
  for (const [, , , imported] of text.matchAll(specifier)) {
    copyDeclaration(from, relative(from, join(from, dirname(path), `${imported}.d.ts`)), copied);
  }
}

/** What this configuration builds beside the entries for Workers and builds. */
const others: Plugin = {
  name: 'tailrace-sdk',
  buildStart() {
    for (const folder of [PACKAGE, SITE]) rmSync(join(ROOT, folder), { recursive: true, force: true });
  },
  async closeBundle() {
    for (const config of BUILDS) await build(config);
    for (const [name, entry] of Object.entries(PAGE_ENTRIES)) declare(name, entry, 'tsconfig.browser.json');
    declare('vite', 'client/context/vite.ts', 'tsconfig.browser.json');
    declare('edge', 'client/edge/index.ts', 'tsconfig.edge.json');
  },
};

export default defineConfig({
  publicDir: false,
  plugins: [others],
  build: {
    outDir: PACKAGE,
    emptyOutDir: false,
    reportCompressedSize: false,
    target: 'es2024',
    // Workers are bundled by their own build, and a build runs the plugin: readable code helps there more than bytes.
    minify: false,
    lib: { entry: { edge: 'client/edge/index.ts', vite: 'client/context/vite.ts' }, formats: ['es'] },
    rolldownOptions: { external: [/^node:/, /^cloudflare:/] },
  },
});
