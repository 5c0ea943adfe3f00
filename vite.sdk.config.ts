import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, defineConfig, type InlineConfig, type Plugin } from 'vite';

const ROOT = import.meta.dirname;
const _TSC = join(ROOT, 'node_modules', '.bin', 'tsc');

/** The recorder stays a file of its own beside the page's module, found by its name. */
const recorderBeside: Plugin = {
  name: 'recorder-beside',
  enforce: 'pre',
  resolveId: (id) => (id.endsWith('/recorder/entry.ts') ? { id: './recorder.js', external: 'relative' } : null),
};

// Vite leaves white space in libraries; rolldown's own minifier does not.
const BROWSER = {
  target: 'es2022',
  emptyOutDir: false,
  reportCompressedSize: false,
  minify: false,
  rolldownOptions: { output: { minify: true } },
} as const;

const packageBuild: InlineConfig = {
  configFile: false,
  root: ROOT,
  publicDir: false,
  logLevel: 'warn',
  plugins: [recorderBeside],
  build: {
    ...BROWSER,
    outDir: 'dist/sdk',
    lib: { entry: { index: 'client/index.ts' }, formats: ['es'] },
  },
};

const recorderBuild = (outDir: string): InlineConfig => ({
  ...packageBuild,
  plugins: [],
  build: {
    ...BROWSER,
    outDir,
    lib: { entry: { recorder: 'client/recorder/entry.ts' }, formats: ['es'], fileName: () => 'recorder.js' },
  },
});

const scriptBuild: InlineConfig = {
  ...packageBuild,
  plugins: [],
  build: {
    ...BROWSER,
    outDir: 'dist/site/sdk',
    lib: { entry: 'client/script.ts', formats: ['iife'], name: 'tailrace', fileName: () => 'tailrace.js' },
  },
};

/** The rest of the package and the site, after the entry for Workers. */
const others: Plugin = {
  name: 'tailrace-sdk',
  buildStart() {
    rmSync(join(ROOT, 'dist', 'sdk'), { recursive: true, force: true });
    rmSync(join(ROOT, 'dist', 'site', 'sdk'), { recursive: true, force: true });
  },
  async closeBundle() {
    for (const config of [packageBuild, recorderBuild('dist/sdk'), recorderBuild('dist/site/sdk'), scriptBuild]) {
      await build(config);
    }
  },
};

export default defineConfig({
  publicDir: false,
  plugins: [others],
  build: {
    outDir: 'dist/sdk',
    emptyOutDir: false,
    target: 'es2024',
    reportCompressedSize: false,
    // Workers are bundled by their own build: readable code helps there more than bytes.
    minify: false,
    lib: { entry: { edge: 'client/edge/index.ts' }, formats: ['es'] },
    rolldownOptions: { external: [/^node:/, /^cloudflare:/] },
  },
});
