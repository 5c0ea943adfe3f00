/**
 * `npm run bench [-- NAME ...] [--record]`: runs the benchmarks (all, or those of a NAME, or else whose file name contains one)
 * one after the other. With --record what each printed becomes its section of bench/RESULTS.md.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { build } from './build.ts';
import { replaceSection } from './results.ts';
import { exitWhenStopped, ROOT, run } from './run.ts';

const RESULTS = join(ROOT, 'bench', 'RESULTS.md');

/** `4 × AMD EPYC 7R13, 16 GB, Node 24.21.0, linux`. */
function machine(): string {
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${gigabytes} GB, Node ${process.versions.node}, ${process.platform}`;
}

function record(name: string, output: string): void {
  const date = new Date().toISOString().slice(0, 10);
  const text = stripVTControlCharacters(output).trim();
  const section = `${date}, ${machine()}, \`npm run bench -- ${name}\`\n\n\`\`\`\n${text}\n\`\`\``;
  const results = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : '# Benchmark results\n';
  writeFileSync(RESULTS, replaceSection(results, name, section));
}

exitWhenStopped();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { record: { type: 'boolean', default: false } },
});
const all = globSync('bench/*.bench.ts', { cwd: ROOT }).sort();
const isNamed = (file: string, name: string) => basename(file, '.bench.ts') === name;
const files = all.filter(
  (file) =>
    positionals.length === 0 ||
    positionals.some((name) =>
      // `ingest` is one of them, not all that begin so.
      all.some((other) => isNamed(other, name)) ? isNamed(file, name) : basename(file).includes(name),
    ),
);
if (files.length === 0) {
  console.error(`No benchmark in bench/ is named like: ${positionals.join(', ')}`);
  process.exit(1);
}
if (!(await build({ quiet: true }))) process.exit(1);
for (const file of files) {
  const name = basename(file, '.bench.ts');
  console.log(`\n== ${name} ==`);
  const { code, output } = await run('node', [file], { show: !values.record });
  if (values.record) console.log(output.trimEnd());
  if (code !== 0) {
    console.error(`bench: ${name} failed`);
    process.exitCode = 1;
  } else if (values.record) record(name, output);
}
