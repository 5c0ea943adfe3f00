/** Finding the browsers the tests drive, and installing them where that is a matter of one package. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { run } from './run.ts';

/** Names Chromium goes by on the search path, in order of preference. */
const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC_CHROME = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Absolute path of the program that the environment variable `variable` names, or else of the first of `names` on the PATH. A variable
 * that names none counts as none.
 */
export function findProgram(variable: string, names: readonly string[]): string | undefined {
  const named = process.env[variable];
  if (named) return isAbsolute(named) && isExecutable(named) ? named : undefined;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** Path of an installed Chromium: what `findProgram` finds, or the Debian package's. */
export async function findChromium(): Promise<string | undefined> {
  const found = findProgram('CHROMIUM', CHROMIUM_NAMES);
  if (found !== undefined || process.env.CHROMIUM) return found;
  if (isExecutable(MAC_CHROME)) return MAC_CHROME;
  const { code, output } = await run('dpkg', ['-L', 'chromium']);
  return code === 0 ? output.split('\n').find((path) => path.endsWith('/chromium') && isExecutable(path)) : undefined;
}

const isDebian = () =>
  existsSync('/etc/os-release') && /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));

/**
 * Makes sure that Chromium is there: installs it as root on Debian.
 * @returns what is missing and how to get it; nothing when all is there.
 */
export async function ensureBrowsers(): Promise<string | undefined> {
  if ((await findChromium()) !== undefined) return undefined;
  const byHand =
    'install it (Debian: apt-get install chromium), or name its program in the environment variable CHROMIUM';
  const named = process.env.CHROMIUM;
  if (named) return `The environment variable CHROMIUM names ${named}, which is not the absolute path of a program.`;
  if (process.getuid?.() !== 0 || !isDebian()) return `Chromium was not found: ${byHand}.`;
  console.log('Installing Chromium from Debian packages (the first time takes a minute) ...');
  const install = ['install', '-y', '-qq', '--no-install-recommends', 'chromium'];
  process.env.DEBIAN_FRONTEND = 'noninteractive';
  let result = await run('apt-get', install);
  if (result.code !== 0) {
    await run('apt-get', ['update', '-qq']);
    result = await run('apt-get', install);
  }
  if (result.code === 0 && (await findChromium()) !== undefined) return undefined;
  return `${result.output}\nChromium could not be installed: ${byHand}.`;
}
