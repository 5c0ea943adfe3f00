/** `npm run build [-- --force]`: builds what changed since the last build into dist/. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { PARTS, type Part } from './parts.ts';
import { ROOT, run } from './run.ts';

/** What every part depends on: other tools or compiler options may give other output. */
const COMMON_INPUTS = ['package-lock.json', 'tsconfig*.json', 'scripts/parts.ts'];

/** Where a part's input hash is kept once it was built. */
const stampOf = (part: Part) => join(ROOT, 'dist', '.stamps', part.name.replaceAll(' ', '-'));

/** Hash over the names and contents of all files a part is built from. */
function inputHash(part: Part): string {
  const hash = createHash('sha256');
  const patterns = [...COMMON_INPUTS, ...part.inputs];
  for (const file of [...new Set(globSync(patterns, { cwd: ROOT }))].sort()) {
    const path = join(ROOT, file);
    if (!statSync(path).isFile()) continue;
    hash.update(`${file}\0`).update(createHash('sha256').update(readFileSync(path)).digest());
  }
  return hash.digest('hex');
}

function isFresh(part: Part, hash: string): boolean {
  const stamp = stampOf(part);
  const outputsExist = part.outputs.every((output) => existsSync(join(ROOT, output)));
  return outputsExist && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
}

async function buildPart(part: Part, hash: string): Promise<boolean> {
  const stamp = stampOf(part);
  // A part that fails to build leaves nothing behind: nobody tests or deploys the build before.
  for (const output of part.outputs) rmSync(join(ROOT, output), { force: true });
  const started = performance.now();
  for (const [command, ...args] of part.commands) {
    const { code, output } = await run(command, args);
    if (code !== 0) {
      console.error(`build: ${part.name} failed (${[command, ...args].join(' ')})\n${output.trim()}`);
      return false;
    }
  }
  const missing = part.outputs.filter((output) => !existsSync(join(ROOT, output)));
  if (missing.length > 0) {
    console.error(`build: ${part.name} did not write ${missing.join(', ')}`);
    return false;
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
  console.log(`build: ${part.name}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return true;
}

/**
 * Builds, in order, the parts whose inputs changed.
 * @param quiet say nothing about parts that are fresh.
 * @returns false when a part failed; what the tool said was printed, and the other parts were built.
 */
export async function build({ force = false, quiet = false } = {}): Promise<boolean> {
  // wrangler.toml names it as the assets folder and wants it to be there.
  mkdirSync(join(ROOT, 'dist', 'site'), { recursive: true });
  let ok = true;
  for (const part of PARTS) {
    const hash = inputHash(part);
    if (!force && isFresh(part, hash)) {
      if (!quiet) console.log(`build: ${part.name} is up to date`);
    } else {
      ok = (await buildPart(part, hash)) && ok;
    }
  }
  return ok;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { force: { type: 'boolean', default: false } } });
  process.exitCode = (await build(values)) ? 0 : 1;
}
