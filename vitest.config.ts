import { mkdirSync } from 'node:fs';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

// wrangler.toml names the built site as its assets folder, and refuses to load when it is not there.
mkdirSync('dist/site', { recursive: true });

/** What `npm run fuzz` asks for: tests in the runtime see no environment variables. */
const FUZZ = Object.fromEntries(
  ['FUZZ_INPUTS', 'FUZZ_PROTOCOLS', 'SEED'].map((name) => [name, process.env[name] ?? '']),
);

/** vitest leaves one core to itself, which of two is half. */
const WORKERS = '100%';

/** Tests whose timings are about the product, not about what else the machine does. */
const TIMED = [
  'test/browser/sdk/{busy,short-tasks,time}.test.ts',
  'test/browser/ui/large-trace.test.ts',
  'test/pipeline/{overload,shop}.test.ts',
];
/** Only long runs of it show what it is for: that memory stays level. */
const FUZZER = process.env.FUZZ_INPUTS ? [] : ['test/pipeline/fuzz.test.ts'];

const END_TO_END = {
  environment: 'node',
  globalSetup: 'test/kit/build.ts',
  testTimeout: 60_000,
  hookTimeout: 120_000,
} as const;

/**
 * Four kinds of test:
 * - `unit`: pure code, in Node;
 * - `workerd`: what needs Durable Objects, D1 or R2, inside the real runtime;
 * - `e2e`: the built edge, real browsers and real senders;
 * - `timed`: of those the ones that look at the clock, one file at a time.
 */
export default defineConfig({
  test: {
    // One reporter line a file; a failing test still shows everything it printed.
    silent: 'passed-only',
    projects: [
      {
        test: {
          name: 'unit',
          environment: 'node',
          maxWorkers: WORKERS,
          // Nothing in them outlives its test.
          isolate: false,
          include: ['test/{model,client,ui,scripts}/**/*.test.{ts,tsx}'],
          exclude: ['test/client/edge/**'],
          testTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              // For a store of three databases; not named as the edge names its own, which has one.
              d1Databases: { RING_1: 'ring-1', RING_2: 'ring-2' },
              bindings: {
                ...FUZZ,
                TAILRACE_INGEST_KEY: 'test-ingest-key',
                TAILRACE_READ_KEY: 'test-read-key',
                TAILRACE_ADMIN_KEY: 'test-admin-key',
                // Complete traces are due at once; alarms come only when a test runs them.
                TAILRACE_CONFIG: JSON.stringify({
                  quietMs: 0,
                  completion: { minQuietMs: 0, maxQuietMs: 0 },
                  probability: 0.5,
                  alarmMs: 60_000,
                  storing: { blockMs: 0 },
                }),
              },
            },
          }),
        ],
        test: {
          name: 'workerd',
          maxWorkers: WORKERS,
          include: ['test/{store,durable-objects,worker,client/edge}/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'e2e',
          maxWorkers: WORKERS,
          include: ['test/{pipeline,browser}/**/*.test.ts'],
          exclude: [...TIMED, ...FUZZER],
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'timed',
          include: TIMED,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
