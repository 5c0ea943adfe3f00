import { join } from 'node:path';
import { ROOT } from './run.ts';

/** One thing that is built by itself, and skipped while its inputs are what they were. */
export interface Part {
  readonly name: string;
  /** Globs relative to the repository: everything the commands read. */
  readonly inputs: readonly string[];
  /** Files that must be there afterwards. */
  readonly outputs: readonly string[];
  /** Run one after the other in the repository's folder. */
  readonly commands: readonly (readonly [command: string, ...args: string[]])[];
}

const bundleWorker = (config: string, outdir: string): readonly [string, ...string[]] => [
  'wrangler',
  'deploy',
  '--dry-run',
  '--config',
  config,
  '--outdir',
  // A relative one would be taken from the config's folder.
  join(ROOT, outdir),
];

/** In order: the UI's build empties dist/site, where the SDK then puts its files beside it. */
export const PARTS: readonly Part[] = [
  {
    name: 'UI',
    inputs: ['vite.ui.config.ts', 'ui/**', 'model/**'],
    outputs: ['dist/site/index.html'],
    commands: [['vite', 'build', '--config', 'vite.ui.config.ts', '--logLevel', 'warn']],
  },
  {
    name: 'SDK',
    inputs: ['vite.sdk.config.ts', 'client/**', 'model/**', 'package.json'],
    outputs: [
      ...['dist/sdk/index.js', 'dist/sdk/edge.js', 'dist/site/sdk/tailrace.js'],
      ...['dist/site/sdk/recorder.js', 'dist/site/sdk/steering.js'],
    ],
    commands: [['vite', 'build', '--config', 'vite.sdk.config.ts', '--logLevel', 'warn']],
  },
  {
    name: 'edge Worker',
    inputs: ['wrangler.toml', 'worker/**', 'durable-objects/**', 'store/**', 'model/**'],
    outputs: ['dist/worker/index.js'],
    commands: [bundleWorker('wrangler.toml', 'dist/worker')],
  },
  {
    name: 'shop page',
    inputs: ['examples/shop/page/**'],
    outputs: ['dist/shop/site/shop/index.html'],
    commands: [['vite', 'build', 'examples/shop/page', '--logLevel', 'warn']],
  },
  {
    name: 'shop Workers',
    inputs: ['examples/shop/*.ts', 'examples/shop/{gateway,orders}/**', 'client/edge/**', 'model/**'],
    outputs: ['dist/shop/gateway/index.js', 'dist/shop/orders/index.js'],
    commands: [
      bundleWorker('examples/shop/gateway/wrangler.toml', 'dist/shop/gateway'),
      bundleWorker('examples/shop/orders/wrangler.toml', 'dist/shop/orders'),
    ],
  },
];
