/**
 * Builds the SDK, by `vite build --config vite.sdk.config.ts`:
 * - dist/sdk/: the npm package, as modules (page, recorder, Workers) with type declarations;
 * - dist/site/sdk/: `tailrace.js` for script tags and its recorder, served by the edge.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, defineConfig, type InlineConfig, type LibraryOptions, type Plugin } from 'vite';

const ROOT = import.meta.dirname;
const PACKAGE = 'dist/sdk';
const SITE = 'dist/site/sdk';
const LATER = [
  ['/recorder/entry.ts', 'recorder.js'],
  ['/sampling/entry.ts', 'steering.js'],
] as const;

/** What is loaded later stays in files of its own beside the page's module, found by their names. */
const recorderBeside: Plugin = {
  name: 'recorder-beside',
  enforce: 'pre',
  resolveId(id) {
    const name = LATER.find(([entry]) => id.endsWith(entry))?.[1];
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
        .replaceAll(/`(\.\/(?:recorder|steering)\.js|tailrace-recorder|module)`/g, '"$1"');
    }
  },
};

function browserBuild(outDir: string, lib: LibraryOptions, plugins: Plugin[] = []): InlineConfig {
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
        treeshake: { manualPureFunctions: ['Array.from'] },
        output: { minify: true, generatedCode: { symbols: false } },
      },
    },
  };
}

const recorder = {
  entry: 'client/recorder/entry.ts',
  formats: ['es'],
  fileName: () => 'recorder.js',
} satisfies LibraryOptions;

const steering = {
  entry: 'client/sampling/entry.ts',
  formats: ['es'],
  fileName: () => 'steering.js',
} satisfies LibraryOptions;

const BUILDS = [
  browserBuild(PACKAGE, { entry: { index: 'client/index.ts' }, formats: ['es'] }, [recorderBeside]),
  browserBuild(PACKAGE, recorder),
  browserBuild(SITE, recorder),
  browserBuild(PACKAGE, steering),
  browserBuild(SITE, steering),
  browserBuild(SITE, {
    entry: 'client/script.ts',
    formats: ['iife'],
    name: 'tailrace',
    fileName: () => 'tailrace.js',
  }),
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

/** What this configuration builds beside the entry for Workers. */
const others: Plugin = {
  name: 'tailrace-sdk',
  buildStart() {
    for (const folder of [PACKAGE, SITE]) rmSync(join(ROOT, folder), { recursive: true, force: true });
  },
  async closeBundle() {
    for (const config of BUILDS) await build(config);
    declare('index', 'client/index.ts', 'tsconfig.browser.json');
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
    // Workers are bundled by their own build: readable code helps there more than bytes.
    minify: false,
    lib: { entry: { edge: 'client/edge/index.ts' }, formats: ['es'] },
    rolldownOptions: { external: [/^node:/, /^cloudflare:/] },
  },
});
