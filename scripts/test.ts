/**
 * `npm test [-- FILTER ...]`: makes sure the browsers are there, builds what the tests run against, runs every test
 * (arguments go to vitest), and ends with a line `N passed, N failed` and the exit code that goes with it.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBrowsers } from './browsers.ts';
import { exitWhenStopped, ROOT, run } from './run.ts';
import { countVitest, formatTotals, type Totals } from './totals.ts';

const REPORT = 'node_modules/.cache/tailrace-test/vitest.json';
const NOTHING_RAN: Totals = { passed: 0, failed: 0, skipped: 0 };

/** vitest builds what the end-to-end tests need itself: see test/kit/build.ts. */
async function runVitest(args: string[]): Promise<Totals> {
  const report = join(ROOT, REPORT);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const { code } = await run('vitest', ['run', ...reporters, ...args], { show: true });
  const totals = existsSync(report) ? countVitest(readFileSync(report, 'utf8')) : NOTHING_RAN;
  // An error outside of any test fails the run without failing a test.
  return code !== 0 && totals.failed === 0 ? { ...totals, failed: 1 } : totals;
}

exitWhenStopped();
const missing = await ensureBrowsers();
if (missing !== undefined) {
  console.error(missing);
  process.exit(1);
}
const totals = await runVitest(process.argv.slice(2));
if (totals.passed + totals.failed === 0) console.error('No test ran.');
console.log(formatTotals(totals));
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
