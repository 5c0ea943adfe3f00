/** A page in Chromium with the SDK started in it, as the tests of `test/browser/sdk` use it. */
import { randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import type { InitOptions } from '../../client/api/options.ts';
import type { ConsentOptions, ConsentTailrace } from '../../client/consent/gate.ts';
import type { PageKind, Pages } from './pages.ts';

declare global {
  var tailrace: { init(options: unknown): ConsentTailrace; sdk: ConsentTailrace | null };
  /** The SDK that `openPage` started. */
  var sdk: ConsentTailrace;
}

export interface SdkPage {
  readonly page: Page;
  /** What the page threw and did not catch. */
  readonly errors: readonly string[];
  /** Its warnings on the console. */
  readonly warnings: readonly string[];
}

export interface SdkPageOptions {
  readonly kind: PageKind;
  /** Where the SDK is loaded from and, unless `init` says otherwise, sends to. */
  readonly edge: string;
  /** Options of `init`; the document's load is not recorded unless they say so. */
  readonly init?: Partial<InitOptions & ConsentOptions>;
}

/** Opens a page of a kind and starts the SDK in it. `prepare` sees it before it is loaded. */
export async function openPage(
  browser: Browser,
  pages: Pages,
  options: SdkPageOptions,
  prepare?: (page: Page) => Promise<unknown>,
): Promise<SdkPage> {
  const page = await browser.newPage();
  await prepare?.(page);
  const errors: string[] = [];
  const warnings: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'warning' && warnings.push(message.text()));
  await page.goto(pages.url(options.kind, `${options.edge}/sdk/tailrace.js`));
  await page.evaluate(
    (init) => {
      globalThis.sdk = tailrace.init(init);
    },
    {
      serviceName: 'shop',
      endpoint: options.edge,
      key: 'k',
      instrument: { documentLoad: false, clicks: true, fetch: true },
      ...options.init,
    },
  );
  return { page, errors, warnings };
}

/** Records a trace of `count` spans in one go, and leaves for `next` in the same task if there is one. Its id. */
export async function recordSpans(page: Page, count: number, next?: string): Promise<string> {
  const traceId = randomBytes(16).toString('hex');
  await page.evaluate(
    ({ traceId, count, next }) => {
      const context = { traceId, spanId: '00000000000000ff', flags: 1 };
      const root = sdk.tracer.startSpan('checkout', { parent: context });
      for (let i = 1; i < count; i++) {
        const attributes = { 'app.step': i, 'app.part': `part ${i % 7}` };
        sdk.tracer.startSpan(`step ${i % 20}`, { parent: root, attributes }).end();
      }
      root.end();
      if (next) location.assign(next);
    },
    { traceId, count, next },
  );
  return traceId;
}
