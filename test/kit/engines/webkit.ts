import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { findWebkitDriver, findXvfb } from '../../../scripts/browsers.ts';
import { type Engine, killDescendants, type Launch } from './engine.ts';
import { loadPackage } from './load-package.ts';

/** What is used here of selenium-webdriver. */
interface Selenium {
  Builder: new () => {
    usingServer(url: string): { withCapabilities(capabilities: object): { build(): Promise<Driver> } };
  };
}
interface Driver {
  get(url: string): Promise<void>;
  executeAsyncScript(script: string): Promise<unknown>;
  close(): Promise<void>;
  quit(): Promise<void>;
  getCapabilities(): Promise<{ get(name: string): unknown }>;
  getAllWindowHandles(): Promise<string[]>;
  switchTo(): { window(handle: string): Promise<void>; newWindow(kind: 'tab'): Promise<void> };
  getWindowHandle(): Promise<string>;
}

/** MiniBrowser is not on the PATH; where it is depends on the machine's kind. */
const MINI_BROWSERS = '/usr/lib{,/*-linux-gnu,/*-linux-gnu*,exec}/webkit2gtk-4.*/MiniBrowser';

export async function webkitEngine(): Promise<Launch> {
  const driver = findWebkitDriver();
  const [browser] = globSync(MINI_BROWSERS);
  const screen = findXvfb();
  if (!driver || !browser) return { missing: 'WebKitWebDriver or its MiniBrowser was not found' };
  if (!screen) return { missing: 'Xvfb was not found' };
  const selenium = await loadPackage<Selenium>('selenium-webdriver');
  if (!selenium) return { missing: 'selenium-webdriver is not installed' };
  return { start: () => start(selenium, { driver, browser, screen }) };
}

async function start(
  { Builder }: Selenium,
  programs: { readonly driver: string; readonly browser: string; readonly screen: string },
): Promise<Engine> {
  const screen = spawn(programs.screen, ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [number] = await once(screen.stdio[3] as Readable, 'data');
  const port = await freePort();
  const server = spawn(programs.driver, [`--port=${port}`, '--host=127.0.0.1'], {
    // Its sandbox does not work as root.
    env: { ...process.env, DISPLAY: `:${String(number).trim()}`, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  await listening(url);
  const driver = await new Builder()
    .usingServer(url)
    .withCapabilities({
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: programs.browser, args: ['--automation'] },
    })
    .build();
  const capabilities = await driver.getCapabilities();
  const first = await driver.getWindowHandle();
  // A driver speaks with one window at a time.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  return {
    name: `WebKitGTK ${capabilities.get('browserVersion')}`,
    open: () =>
      inTurn(async () => {
        await driver.switchTo().window(first);
        await driver.switchTo().newWindow('tab');
        const handle = await driver.getWindowHandle();
        const inTab = <T>(work: () => Promise<T>) =>
          inTurn(async () => {
            await driver.switchTo().window(handle);
            return work();
          });
        return {
          goto: (url) => inTab(() => driver.get(url)),
          evaluate: (body) =>
            inTab(() =>
              driver.executeAsyncScript(
                `const done = arguments[0]; (async () => { ${body} })().then((value) => done(value ?? null), () => done(null));`,
              ),
            ).then(
              (value) => value as never,
              () => null,
            ),
          close: () => inTab(() => driver.close()),
        };
      }),
    crash: () => killDescendants(server.pid!, /WebKitWebProcess/),
    async close() {
      await driver.quit().catch(() => undefined);
      await Promise.all([end(server), end(screen)]);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isThere = await fetch(`${url}/status`).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await setTimeout(25);
  }
  throw new Error('WebKitWebDriver does not answer');
}
