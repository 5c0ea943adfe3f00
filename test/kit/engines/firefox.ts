import { findFirefox } from '../../../scripts/browsers.ts';
import { type Engine, killDescendants, type Launch } from './engine.ts';
import { loadPackage } from './load-package.ts';

/** What is used here of puppeteer-core, which speaks WebDriver BiDi with Firefox. */
interface Puppeteer {
  launch(options: object): Promise<{
    version(): Promise<string>;
    process(): { readonly pid?: number } | null;
    newPage(): Promise<{
      goto(url: string): Promise<unknown>;
      evaluate(script: string): Promise<unknown>;
      close(options: object): Promise<void>;
    }>;
    close(): Promise<void>;
  }>;
}

export async function firefoxEngine(): Promise<Launch> {
  const executablePath = findFirefox();
  if (executablePath === undefined) return { missing: 'Firefox was not found' };
  const puppeteer = await loadPackage<Puppeteer>('puppeteer-core');
  return puppeteer ? { start: () => start(puppeteer, executablePath) } : { missing: 'puppeteer-core is not installed' };
}

async function start(puppeteer: Puppeteer, executablePath: string): Promise<Engine> {
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true });
  return {
    name: (await browser.version()).replace(/^(\w)(\w*)\//, (_, first, rest) => `${first.toUpperCase()}${rest} `),
    async open() {
      const page = await browser.newPage();
      return {
        goto: async (url) => void (await page.goto(url)),
        evaluate: (body) =>
          page.evaluate(`(async () => { ${body} })()`).then(
            (value) => value as never,
            () => null,
          ),
        close: () => page.close({ runBeforeUnload: true }),
      };
    },
    crash: () => killDescendants(browser.process()!.pid!, /-contentproc.* tab$/),
    close: () => browser.close(),
  };
}
