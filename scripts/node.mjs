// Runs a TypeScript file with the pinned Node, installing the packages first where that is needed.
// Plain JavaScript on purpose: it must start on any Node >= 20, before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.tailrace-installed');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const [script, ...args] = process.argv.slice(2);

if (!script) {
  console.error('usage: node scripts/node.mjs SCRIPT [ARGUMENT ...]');
  process.exit(2);
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  // npm would empty a folder that others use.
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    console.error('node_modules is a link to packages that are not those of package-lock.json: install them there.');
    process.exit(1);
  }
  console.log('Installing packages (the first time takes a minute) ...');
  const installed = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (installed.status !== 0) {
    console.error('npm ci failed; see above.');
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

// The channel closes when this process ends, however it ends; scripts that serve take it as the sign to stop.
const child = spawn(join(bin, 'node'), [join(root, script), ...args], {
  cwd: process.cwd(),
  env: { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) },
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));

// A killed npm tells nobody. It is our parent, since the package's scripts begin with exec.
if (process.env.npm_lifecycle_event) {
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 500).unref();
}
