/** Serves the pages that tests open: plain, cross-origin isolated, or with workers forbidden. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Which way spans leave a page of each kind. */
export const PAGE_KINDS = { isolated: 'shared', plain: 'copied', 'no-worker': 'page' } as const;
export type PageKind = keyof typeof PAGE_KINDS;

export interface Pages {
  /** The page's URL; `script` is the URL of `tailrace.js`, which the page loads without starting it. */
  url(kind: PageKind, script: string): string;
  close(): Promise<void>;
}

const HEADERS: Record<PageKind, Record<string, string>> = {
  isolated: {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  },
  plain: {},
  'no-worker': { 'content-security-policy': "worker-src 'none'" },
};

/** At `http://127.0.0.1:PORT`, which is another origin than the `localhost` of the servers that take spans. */
export async function startPages(): Promise<Pages> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/api') {
      response.writeHead(Number(url.searchParams.get('status') ?? 200), { 'content-type': 'application/json' });
      response.end(JSON.stringify({ traceparent: request.headers.traceparent ?? null }));
      return;
    }
    const kind = url.pathname.slice(1) as PageKind;
    const script = url.searchParams.get('script');
    response.writeHead(200, { 'content-type': 'text/html', ...HEADERS[kind] });
    response.end(
      `<!doctype html><title>page</title><link rel="icon" href="data:,">
${script ? `<script crossorigin src="${script}"></script>` : ''}<button id="buy">Buy</button>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: (kind, script) => `${origin}/${kind}?script=${encodeURIComponent(script)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
