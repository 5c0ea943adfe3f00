import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const SITE = fileURLToPath(new URL('./dist/site/', import.meta.url));

/** Builds the page into dist/site. dist/site/sdk belongs to the SDK's build and is left alone. */
export default defineConfig({
  root: fileURLToPath(new URL('./ui/', import.meta.url)),
  logLevel: 'warn',
  // Never the development form, which names source files: tests build too, and must build what is shipped.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false } },
  build: {
    outDir: SITE,
    emptyOutDir: false,
    target: ['chrome125', 'firefox128', 'safari18'],
    // The policy `default-src 'self'` forbids data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  plugins: [
    {
      name: 'clean-own-files',
      buildStart() {
        for (const path of ['assets', 'index.html']) rmSync(SITE + path, { recursive: true, force: true });
      },
    },
  ],
});
