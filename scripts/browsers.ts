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

/** Absolute paths of the programs of other engines; none where they are not installed. */
export const findFirefox = (): string | undefined => findProgram('FIREFOX', ['firefox-esr', 'firefox']);
export const findWebkitDriver = (): string | undefined => findProgram('WEBKIT_WEBDRIVER', ['WebKitWebDriver']);
export const findXvfb = (): string | undefined => findProgram('XVFB', ['Xvfb']);

/** What is installed beside Chromium, by its Debian package. Where it is not there, its tests are skipped. */
const OTHERS = { 'firefox-esr': findFirefox, 'webkit2gtk-driver': findWebkitDriver, xvfb: findXvfb };

/**
 * Makes sure that Chromium is there, and Firefox and WebKitGTK where that can be: installs them as root on Debian.
 * @returns what is missing and how to get it; nothing when Chromium is there.
 */
export async function ensureBrowsers(): Promise<string | undefined> {
  const hasChromium = (await findChromium()) !== undefined;
  const byHand =
    'install it (Debian: apt-get install chromium), or name its program in the environment variable CHROMIUM';
  const named = process.env.CHROMIUM;
  if (!hasChromium && named) {
    return `The environment variable CHROMIUM names ${named}, which is not the absolute path of a program.`;
  }
  const others = Object.entries(OTHERS).flatMap(([name, find]) => (find() === undefined ? [name] : []));
  const missing = hasChromium ? others : ['chromium', ...others];
  const mayInstall = process.getuid?.() === 0 && isDebian();
  const output = missing.length > 0 && mayInstall ? await install(missing) : '';
  if ((await findChromium()) !== undefined) return undefined;
  return mayInstall ? `${output}\nChromium could not be installed: ${byHand}.` : `Chromium was not found: ${byHand}.`;
}

/** Installs Debian packages; what apt-get said of it. */
async function install(packages: readonly string[]): Promise<string> {
  console.log(`Installing ${packages.join(', ')} from Debian packages (the first time takes a minute) ...`);
  const command = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  process.env.DEBIAN_FRONTEND = 'noninteractive';
  const first = await run('apt-get', command);
  if (first.code === 0) return first.output;
  await run('apt-get', ['update', '-qq']);
  return (await run('apt-get', command)).output;
}
