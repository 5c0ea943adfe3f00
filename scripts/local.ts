/**
 * The edge on this machine: the built Worker in workerd, with the bindings wrangler.toml names, its state in a
 * folder, and with the demo shop beside it. `npm start`, the tests and the benchmarks all start it through here.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from 'miniflare';
import { unstable_getMiniflareWorkerOptions as readWranglerConfig } from 'wrangler';
import { guardChildren } from './guard.ts';
import { ROOT } from './run.ts';

export interface LocalOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Where Durable Objects, D1 and R2 keep their data; made when it is not there. */
  readonly stateDir: string;
  /** The Worker's variables and secrets, such as `TAILRACE_OPEN`, `TAILRACE_INGEST_KEY`, `TAILRACE_CONFIG`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Serve the demo shop under /shop/. */
  readonly shop?: boolean;
  /** Another module in the edge's place, relative to the repository. */
  readonly module?: string;
  /** False leaves the page out: miniflare's router of static files takes 0.25 ms of every request. */
  readonly assets?: boolean;
  /** Takes what the Workers print, line by line. Without it their lines go to this process's output. */
  readonly onLog?: (line: string) => void;
}

export interface LocalEdge {
  /** `http://127.0.0.1:8787`, without a slash at the end. */
  readonly url: string;
  readonly miniflare: Miniflare;
  /** Resolves when workerd is gone. Further calls wait for the first. */
  close(): Promise<void>;
}

/** The port is in use by another program. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

const MINUTE_MS = 60_000;
const EDGE = { name: 'tailrace', config: 'wrangler.toml', bundle: 'dist/worker/index.js' };
const SHOP = [
  {
    name: 'shop-gateway',
    config: 'examples/shop/gateway/wrangler.toml',
    bundle: 'dist/shop/gateway/index.js',
    routes: ['*/shop', '*/shop/*'],
  },
  { name: 'shop-orders', config: 'examples/shop/orders/wrangler.toml', bundle: 'dist/shop/orders/index.js' },
];

interface Source {
  /** As in its config; the other Workers' service bindings name it so. */
  readonly name: string;
  readonly config: string;
  readonly bundle: string;
  readonly routes?: string[];
  readonly assets?: boolean;
}

/** A Worker as its wrangler.toml describes it, run from its bundle. */
function workerOptions(
  { name, config, bundle, routes, assets = true }: Source,
  vars: Readonly<Record<string, string>>,
): V4WorkerOptions {
  // The rules are about what to bundle; the bundle is one module.
  const {
    modulesRules: _,
    assets: site,
    ...options
  } = readWranglerConfig(join(ROOT, config)).workerOptions as V4WorkerOptions & { modulesRules?: unknown };
  return {
    ...options,
    ...(assets && site ? { assets: site } : {}),
    name,
    rootPath: ROOT,
    modules: [{ type: 'ESModule', path: join(ROOT, bundle) }],
    modulesRoot: dirname(join(ROOT, bundle)),
    bindings: { ...(options.bindings as Record<string, string>), ...vars },
    ...(routes && { routes }),
  };
}

/**
 * Resolves when the port can be listened on; workerd itself reports a taken one with a wall of text.
 * @throws PortTakenError
 */
export function probePort(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new PortTakenError(`Port ${port} on ${host} is already in use by another program.`)
          : error,
      ),
    );
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

/** What Cloudflare does by the triggers in wrangler.toml. */
async function runTriggers(miniflare: Miniflare): Promise<() => void> {
  const edge = await miniflare.getWorker(EDGE.name);
  const timer = setInterval(() => {
    const scheduledTime = new Date();
    const crons = scheduledTime.getUTCMinutes() % 10 === 0 ? ['* * * * *', '*/10 * * * *'] : ['* * * * *'];
    // What fails, or is cut off by the end, is done the next time.
    for (const cron of crons) edge.scheduled({ scheduledTime, cron }).catch(() => {});
  }, MINUTE_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Starts what `build()` built.
 * @throws PortTakenError
 */
export async function startLocal(options: LocalOptions): Promise<LocalEdge> {
  const { host = '127.0.0.1', port = 0, vars = {}, stateDir, onLog } = options;
  await probePort(host, port);
  mkdirSync(stateDir, { recursive: true });
  const shopVars: Record<string, string> = vars.TAILRACE_INGEST_KEY ? { TAILRACE_KEY: vars.TAILRACE_INGEST_KEY } : {};
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host,
      port,
      // No request for an example of Cloudflare's request.cf, no usage report: it works without internet.
      cf: false,
      telemetry: { enabled: false },
      logRequests: false,
      log: new Log(LogLevel.ERROR),
      resourcePersistencePath: stateDir,
      ...(onLog && { handleStructuredLogs: ({ message }) => onLog(message) }),
      workers: [
        workerOptions({ ...EDGE, bundle: options.module ?? EDGE.bundle, assets: options.assets ?? true }, vars),
        ...(options.shop ? SHOP.map((worker) => workerOptions(worker, shopVars)) : []),
      ],
    }),
  );
  let closing: Promise<void> | undefined;
  let release: (() => void) | undefined;
  let stopTriggers: (() => void) | undefined;
  const close = () => {
    stopTriggers?.();
    closing ??= miniflare.dispose().finally(() => release?.());
    return closing;
  };
  try {
    const url = (await miniflare.ready).origin;
    release = await guardChildren('workerd');
    stopTriggers = await runTriggers(miniflare);
    return { url, miniflare, close };
  } catch (error) {
    await close();
    throw error;
  }
}
