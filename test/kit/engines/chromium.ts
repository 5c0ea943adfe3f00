import { chromium } from 'playwright-core';
import { findChromium } from '../../../scripts/browsers.ts';
import { FLAGS } from '../chromium.ts';
import { type Engine, killDescendants, type Launch } from './engine.ts';

export async function chromiumEngine(): Promise<Launch> {
  const executablePath = await findChromium();
  return executablePath === undefined ? { missing: 'Chromium was not found' } : { start: () => start(executablePath) };
}

async function start(executablePath: string): Promise<Engine> {
  // Users have the back-forward cache.
  const ignoreDefaultArgs = ['--disable-back-forward-cache'];
  const browser = await chromium.launch({ executablePath, args: FLAGS, ignoreDefaultArgs });
  // One for all: tabs of a user share their storage.
  const context = await browser.newContext();
  return {
    name: `Chromium ${browser.version()}`,
    async open() {
      const page = await context.newPage();
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
    // The browser does not say what its process is; it is our child.
    crash: () => killDescendants(process.pid, /--type=renderer/),
    close: () => browser.close(),
  };
}
