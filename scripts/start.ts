/** `npm start`: builds what changed, serves everything on this machine, and says what to open. */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import { type LocalEdge, PortTakenError, startLocal } from './local.ts';
import { ROOT } from './run.ts';

const HELP = `npm start -- [--port N] [--state DIR] [--no-demo]

Builds Tailrace and serves it on this machine, with no keys asked for and every trace kept.

  --port N     the port, 8787 if not given
  --state DIR  where traces are kept, .tailrace if not given; start with the same one to find them again
  --no-demo    without the demo shop under /shop/
  --help       this text`;

interface StartOptions {
  readonly port: number;
  readonly state: string;
  readonly demo: boolean;
}

class UsageError extends Error {}

function parseOptions(args: string[]): StartOptions | undefined {
  let values: { port: string; state: string; demo: boolean; help: boolean };
  try {
    ({ values } = parseArgs({
      args,
      allowNegative: true,
      options: {
        port: { type: 'string', default: '8787' },
        state: { type: 'string', default: join(ROOT, '.tailrace') },
        demo: { type: 'boolean', default: true },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) return undefined;
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) {
    throw new UsageError(`--port takes a number from 0 to 65535, not '${values.port}'.`);
  }
  if (values.state === '') throw new UsageError('--state takes a folder.');
  // npm changes to the repository's folder; a relative path means the one the command was typed in.
  const state = resolve(process.env.INIT_CWD ?? process.cwd(), values.state);
  return { port, state, demo: values.demo };
}

/** What is running where. The curl command sends a span of its own kind: double quotes let the shell put in the time. */
function welcome({ url }: LocalEdge, { state, demo }: StartOptions): string {
  const span = {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    name: 'hello',
    kind: 1,
    startTimeUnixNano: '$(date +%s)000000000',
    endTimeUnixNano: '$(date +%s)250000000',
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'curl' } }] };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] });
  return `
Tailrace is running.

  Traces  ${url}/${demo ? `\n  Shop    ${url}/shop/ (click, then look at the trace)` : ''}
  OTLP    ${url}/v1/traces (OTEL_EXPORTER_OTLP_ENDPOINT=${url}), for example:

  curl ${url}/v1/traces -H 'content-type: application/json' -d ${JSON.stringify(body)}

State is kept in ${state}. Ctrl-C ends everything.
`;
}

/** Resolves when it is time to end: a signal, or the process that started us is gone. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    process.on('disconnect', () => resolve());
  });
}

async function start(options: StartOptions): Promise<void> {
  const stopped = untilStopped();
  const built = await Promise.race([build({ quiet: true }), stopped]);
  if (built === undefined) process.exit(0);
  if (!built) throw new UsageError('The build failed, see above.');
  const edge = await startLocal({
    port: options.port,
    stateDir: options.state,
    shop: options.demo,
    vars: { TAILRACE_OPEN: '1', TAILRACE_CONFIG: JSON.stringify({ probability: 1 }) },
  });
  console.log(welcome(edge, options));
  await stopped;
  await edge.close();
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(HELP);
  else await start(options);
  process.exit(0);
} catch (error) {
  if (error instanceof PortTakenError) {
    console.error(`${error.message} Choose another one: npm start -- --port 8788`);
  } else if (error instanceof UsageError) {
    console.error(`${error.message}\n`);
  } else throw error;
  process.exit(1);
}
