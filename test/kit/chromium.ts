import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../../scripts/browsers.ts';

/** No GPU, no sandbox (it does not work as root), and no traffic of the browser's own. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts the Chromium that is installed; playwright runs it headless and ends it with this process. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === undefined) throw new Error('Chromium was not found; `npm test` says how to get it');
  return chromium.launch({ executablePath, args: FLAGS });
}
