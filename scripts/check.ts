/**
 * `npm run check`: types, lint and format, import rule, lockfile, size budget. Everything but the tests, in under a
 * minute; each check prints one line, and its tool's own words when it fails.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUDGETS, formatMeasured, measure } from './budgets.ts';
import { build } from './build.ts';
import { lockfileFaults } from './lockfile.ts';
import { measurePageParts } from './page-parts.ts';
import { ROOT, run } from './run.ts';

/** The folders the import rule is about, and those that are only watched for circles. */
const SOURCE_FOLDERS = ['model', 'client', 'ui', 'store', 'durable-objects', 'worker', 'examples', 'scripts'];

interface Verdict {
  readonly ok: boolean;
  /** Shown behind the check's name when it passed, below it when it failed. */
  readonly detail: string;
}

async function tool(command: string, ...args: string[]): Promise<Verdict> {
  const { code, output } = await run(command, args);
  return { ok: code === 0, detail: code === 0 ? '' : output.trim() };
}

/** TypeScript 7 has no API yet, so dependency-cruiser parses with swc (see its config) and grumbles about it. */
async function importRule(): Promise<Verdict> {
  const verdict = await tool('depcruise', ...SOURCE_FOLDERS);
  return { ...verdict, detail: verdict.detail.replace(/\s*‼ missing-tsc-transpiler:[\s\S]*?stable\./, '') };
}

function lockfile(): Verdict {
  const faults = lockfileFaults(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return { ok: faults.length === 0, detail: faults.join('\n') };
}

async function sizes(): Promise<Verdict> {
  const built = await build({ quiet: true });
  if (!built) return { ok: false, detail: 'the build failed, see above' };
  const files = BUDGETS.map((budget) => measure(budget, (pattern) => globSync(pattern, { cwd: ROOT })));
  const measured = [...files, ...(await measurePageParts())];
  const ok = measured.every(({ over }) => !over);
  return { ok, detail: measured.map(formatMeasured).join(ok ? ', ' : '\n') };
}

const CHECKS: Readonly<Record<string, () => Verdict | Promise<Verdict>>> = {
  lockfile,
  'types: browser': () => tool('tsc', '-p', 'tsconfig.browser.json'),
  'types: edge': () => tool('tsc', '-p', 'tsconfig.edge.json'),
  'types: node': () => tool('tsc', '-p', 'tsconfig.node.json'),
  'lint and format': () => tool('biome', 'check', '--error-on-warnings', '.'),
  'import rule': importRule,
  sizes,
};

const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
const verdicts = await Promise.all(
  Object.entries(CHECKS).map(async ([name, check]) => {
    const verdict = await check();
    if (verdict.ok) console.log(`ok    ${name}${verdict.detail && `: ${verdict.detail}`}`);
    else console.log(`FAIL  ${name}\n${verdict.detail.replace(/^/gm, '      ')}`);
    return verdict;
  }),
);
const failed = verdicts.filter(({ ok }) => !ok).length;
console.log(`${verdicts.length - failed} of ${verdicts.length} checks passed in ${seconds()}`);
process.exitCode = failed === 0 ? 0 : 1;
